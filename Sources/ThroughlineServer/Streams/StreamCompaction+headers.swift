import ThroughlineCore

/// By what a stream is compacted, in a header.
extension StreamCompaction {
    static let header = "stream-compaction-key"

    /// The names of members, with commas between; `nil` where there is no header.
    init?(_ text: String?) throws(Refusal) {
        guard let text else { return nil }
        let members = text.cut(at: ",").map { String($0.trimmingSpaces()) }
        guard members.count <= Self.maximumMembers, Set(members).count == members.count,
            members.allSatisfy({ (1...Self.maximumNameBytes).contains($0.utf8.count) })
        else {
            throw Refusal(
                .headerInvalid,
                "Stream-Compaction-Key names 1 to \(Self.maximumMembers) members of the messages, with commas between.")
        }
        self.init(members: members)
    }

    /// What it goes together with.
    func check(form: StreamForm, _ retention: StreamRetention?) throws(Refusal) {
        guard form == .json else {
            throw Refusal(.headerInvalid, "Stream-Compaction-Key is for streams of application/json.")
        }
        if retention?.bytes != nil || retention?.messages != nil {
            throw Refusal(.headerInvalid, "With Stream-Compaction-Key retention is by age alone.")
        }
    }
}
