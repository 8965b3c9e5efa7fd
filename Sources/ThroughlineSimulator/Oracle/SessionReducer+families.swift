/// Runs below others, and what a run may use.
extension SessionReducer {
    /// Those above a run, the nearest first.
    private func runsAbove(_ run: String) -> [String] {
        var above: [String] = []
        var next = runs.byID[run]?["parent"]?.text
        while let parent = next {
            above.append(parent)
            next = runs.byID[parent]?["parent"]?.text
        }
        return above
    }

    private func hasActiveBelow(_ run: String) -> Bool {
        runs.order.contains { other in
            (isActive(run: other) || stateOf(run: other) == "queued") && runsAbove(other).contains(run)
        }
    }

    /// Nothing comes of a run once one above it was stopped, or once it has used more than it may.
    func requireFamily(of run: String) throws(Violation) {
        for parent in runsAbove(run) where stateOf(run: parent) == "cancelled" {
            throw Violation("event \(seq) is of run \(run), and \(parent) above it was stopped")
        }
        if hasUsedTooMuch(run) { throw Violation("event \(seq) is of run \(run), which used more than it may") }
    }

    /// The agent of a run is done, and those below it are not.
    mutating func holdBack(_ run: String, _ end: Plain) throws(Violation) {
        guard runs.byID[run]?["waitsForChildren"]?.text == "true", hasActiveBelow(run), let reason = end["reason"]
        else { throw Violation("event \(seq) lets run \(run) wait for nobody") }
        held[run] = reason.text
        try requireNothingOpen(of: .string(run))
    }

    /// A run that waited ends as its agent said; one that waits for those below it does not end before them.
    func requireRightEnd(of run: String, _ end: Plain) throws(Violation) {
        let reason = end["reason"]?.text ?? ""
        let isForced =
            reason == "cancelled" || reason == "lost"
            || ["budget_exceeded", "forked"].contains(end["error"]?["code"]?.text)
        guard !isForced else { return }
        if let said = held[run], said != reason {
            throw Violation("event \(seq) ends run \(run) as \(reason), and its agent said \(said)")
        }
        if runs.byID[run]?["waitsForChildren"]?.text == "true", hasActiveBelow(run) {
            throw Violation("event \(seq) ends run \(run) before those below it")
        }
        if hasUsedTooMuch(run) { throw Violation("event \(seq) ends run \(run) as if it was within its budget") }
    }

    private func hasUsedTooMuch(_ run: String) -> Bool {
        guard let limit = runs.byID[run]?["budget"]?["tokens"]?.number else { return false }
        return runs.byID[run]?["usage"]?["tokens"]?.number ?? 0 > limit
    }

    /// Whether a run had used more than it may, tokens or time, when this event came.
    func isOverBudget(_ run: String) -> Bool {
        guard let seconds = runs.byID[run]?["budget"]?["seconds"]?.number else { return hasUsedTooMuch(run) }
        let end = runs.byID[run]?["ended"]?.number ?? lastAt
        return end >= (runs.byID[run]?["at"]?.number ?? .max) + seconds * 1_000
    }

    /// Whether a run is over as its agent said, or only waits for those below it, or was stopped while it did.
    func hasEnded(_ run: String, as reason: String) -> Bool { (held[run] ?? stateOf(run: run)) == reason }
}
