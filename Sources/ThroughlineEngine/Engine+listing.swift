public import ThroughlineCore

/// Which sessions a list shows.
public struct SessionQuery: Sendable {
    public var limit: Int
    public var cursor: String?
    public var state: SessionInfo.State?
    public var participant: String?
    /// Members of the metadata that have to be these strings, or numbers or booleans written so.
    public var metadata: [String: String]

    public init(
        limit: Int = 50, cursor: String? = nil, state: SessionInfo.State? = nil, participant: String? = nil,
        metadata: [String: String] = [:]
    ) {
        self.limit = limit
        self.cursor = cursor
        self.state = state
        self.participant = participant
        self.metadata = metadata
    }
}

extension Engine {
    /// The sessions, newest activity first.
    public func list(_ query: SessionQuery, by participant: Participant) throws(Refusal) -> [UInt8] {
        try requireReady()
        try Access.require(.read, of: participant)
        let cursor = try query.cursor.map { (text) throws(Refusal) in try ListCursor(text) }
        let found = directory.listed { summary in
            if let cursor, !cursor.isBefore(summary) { return false }
            return query.matches(summary)
        }
        let sorted = found.sorted { ListCursor($0.summary) < ListCursor($1.summary) }
        let page = sorted.prefix(query.limit)
        return JSONWriter.object {
            $0.key("sessions")
            $0.array(page) { writer, entry in writer.object { entry.summary.writeRow(tail: entry.tail, to: &$0) } }
            if sorted.count > page.count, let last = page.last { $0.field("cursor", ListCursor(last.summary).text) }
        }
    }
}

extension SessionQuery {
    fileprivate func matches(_ summary: SessionSummary) -> Bool {
        if let state, summary.info.state != state { return false }
        if let participant, !summary.participants.contains(participant) { return false }
        guard !metadata.isEmpty else { return true }
        guard let document = try? JSONDocument.parse(summary.info.metadata) else { return false }
        let members = document.members
        return metadata.allSatisfy { name, value in
            members.contains {
                $0.name == name && ($0.value.string ?? String(decoding: $0.value.source, as: UTF8.self)) == value
            }
        }
    }
}

extension SessionSummary {
    fileprivate func writeRow(tail: SequenceNumber, to writer: inout JSONWriter) {
        writer.field("id", info.id.value)
        writer.field("title", info.title)
        writer.field("metadata", raw: info.metadata)
        writer.field("state", info.state.rawValue)
        writer.field("created", created.rawValue)
        writer.field("updated", updated.rawValue)
        writer.field("seq", tail.rawValue)
        // What is left in the queue of a closed session waits for nobody.
        let waits = queuedRuns > 0 || queuedInputs > 0 && info.state == .open
        writer.field("activity", activeRuns > 0 ? "working" : waits ? "waiting" : "idle")
        writer.field("queued", queuedInputs)
    }
}

extension Engine {
    /// How many sessions there are.
    public var sessionCount: Int { directory.count }
}
