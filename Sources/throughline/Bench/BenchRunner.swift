/// Measures one row: ours and the peer's in turn, then the machine's limit.
struct BenchRunner {
    let workshop: Workshop
    let rounds: Int
    let seconds: Double

    func run(_ row: BenchCase) async throws -> [BenchResults.Row] {
        var ours: [LoadReport] = []
        var peer: [LoadReport] = []
        for round in 1...rounds {
            ours.append(try await run(row.ours, row.id, "round \(round) of \(rounds)"))
            if let trial = row.peer { peer.append(try await run(trial, row.id, "round \(round) of \(rounds)")) }
        }
        let limit: LoadReport? =
            if let trial = row.limit { try await run(trial, row.id, "the machine's limit") } else { nil }
        return row.figures.map { result(row, $0, ours, peer, limit) }
    }

    private func run(_ trial: Trial, _ id: String, _ what: String) async throws -> LoadReport {
        Terminal.complain("\(id): \(trial.name), \(what)")
        let report = try await TrialRunner(workshop: workshop, seconds: seconds).run(trial)
        for problem in report.problems { Terminal.complain("\(id): \(trial.name): \(problem)") }
        for remark in report.remarks { Terminal.complain("\(id): \(trial.name): \(remark)") }
        return report
    }

    private func result(
        _ row: BenchCase, _ figure: Figure, _ ours: [LoadReport], _ peer: [LoadReport], _ limit: LoadReport?
    ) -> BenchResults.Row {
        let oursRounds = ours.map { $0[figure.field] * figure.scale }
        let peerRounds = peer.map { $0[figure.field] * figure.scale }
        let ratio = peer.isEmpty ? nil : oursRounds.median / peerRounds.median
        let (must, aim, isRatio) = figure.goal.parts
        let judged = isRatio ? ratio ?? .nan : oursRounds.median
        return BenchResults.Row(
            id: figure.suffix.isEmpty ? row.id : row.id + " " + figure.suffix, work: row.work, unit: figure.unit,
            ours: oursRounds.median, peer: peer.isEmpty ? nil : peerRounds.median, peerName: row.peer?.name,
            ratio: ratio, limit: limit.map { $0[figure.field] * figure.scale }, limitName: row.limit?.name, must: must,
            aim: aim, isRatio: isRatio, isLessBetter: figure.isLessBetter,
            oursProcessor: processor(ours), peerProcessor: processor(peer), oursRounds: oursRounds,
            peerRounds: peerRounds, verifiedEvents: (ours + peer).reduce(0) { $0 + $1["verified_events"] },
            problems: (ours + peer).flatMap(\.problems), remarks: (ours + peer).flatMap(\.remarks),
            met: meets(judged, aim, figure) ? "aim" : meets(judged, must, figure) ? "must" : "missed")
    }

    private func processor(_ reports: [LoadReport]) -> Double? {
        reports.contains { $0.has("server_us_per_operation") }
            ? reports.map { $0["server_us_per_operation"] }.median : nil
    }

    private func meets(_ value: Double, _ goal: Double, _ figure: Figure) -> Bool {
        figure.isLessBetter ? value <= goal : value >= goal
    }
}

extension Figure.Goal {
    fileprivate var parts: (must: Double, aim: Double, isRatio: Bool) {
        switch self {
        case .ratio(let must, let aim): (must, aim, true)
        case .absolute(let must, let aim): (must, aim, false)
        }
    }
}
