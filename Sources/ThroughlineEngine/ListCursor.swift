import ThroughlineCore

/// A place in the list: newest activity first, then by id.
struct ListCursor: Comparable {
    var updated: Int64
    var id: String

    init(_ summary: SessionSummary) {
        updated = summary.updated.rawValue
        id = summary.info.id.value
    }

    /// Opaque to clients: the time, a dash, the id.
    init(_ text: String) throws(Refusal) {
        let parts = text.split(separator: "-", maxSplits: 1)
        guard parts.count == 2, let updated = Int64(parts[0], radix: 36), SessionID(String(parts[1])) != nil else {
            throw Refusal(.cursorInvalid, "The cursor is not one that this list gave out. Begin without one.")
        }
        self.updated = updated
        id = String(parts[1])
    }

    var text: String { String(updated, radix: 36) + "-" + id }

    func isBefore(_ summary: SessionSummary) -> Bool { self < ListCursor(summary) }

    static func < (left: Self, right: Self) -> Bool {
        left.updated == right.updated ? left.id < right.id : left.updated > right.updated
    }
}
