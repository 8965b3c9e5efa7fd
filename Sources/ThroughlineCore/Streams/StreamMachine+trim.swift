/// Letting go of a stream's oldest messages, and doing without their records.
extension StreamMachine {
    /// Bytes of all its own messages, where its retention asks for them.
    public var bytes: UInt64 { writers.bytes }

    /// Lets go of messages, for readers. Where that is worth the room, a note of all that the writers have done comes with it, and
    /// then the records can go.
    ///
    /// - Returns: The record that makes it durable, together with the new ``summary``.
    public mutating func trim(_ found: StreamTrim, at now: Timestamp) -> LogRecord {
        precondition(found.first <= count, "messages are let go that are not there")
        var trim = summary.trim ?? StreamTrim()
        trim.first = max(trim.first, found.first)
        trim.bytes = max(trim.bytes, found.bytes)
        var note = StreamNote()
        if isWorthFreeing(trim) {
            trim.freed = trim.first
            trim.freedBytes = trim.bytes
            trim.anchor = count
            note.writers = writers
        }
        summary.trim = trim
        return LogRecord(kind: .note, sequence: SequenceNumber(count), at: now, payload: [], note: note.encoded)
    }

    /// Whether what can be freed is more than the note takes, and as much as all that is kept, or quite something.
    private func isWorthFreeing(_ trim: StreamTrim) -> Bool {
        let kept = writers.bytes - min(writers.bytes, trim.bytes)
        let gained = trim.bytes - trim.freedBytes + (trim.first - trim.freed) * 20
        return gained >= UInt64(writers.size) + min(kept, StreamRetention.fewBytes)
    }

    /// Whether so many bytes of messages that can go by compaction are worth a note of all that the writers have done.
    public func isWorthThinning(bytes: Int) -> Bool { bytes >= writers.size }

    /// Has the records up to a message no longer needed for the writers, so that single messages up to there can go. Durable before
    /// the first of them does.
    public mutating func thin(upTo end: UInt64, at now: Timestamp) -> LogRecord {
        precondition(end <= count, "messages are let go that are not there")
        var trim = summary.trim ?? StreamTrim()
        trim.thinning = max(trim.thinning, end)
        trim.anchor = count
        summary.trim = trim
        return LogRecord(
            kind: .note, sequence: SequenceNumber(count), at: now, payload: [],
            note: StreamNote(writers: writers).encoded)
    }

    /// Notes that compaction is done up to a message, and how many it left.
    public mutating func compacted(upTo end: UInt64, leaving kept: UInt64, at now: Timestamp) -> LogRecord {
        var trim = summary.trim ?? StreamTrim()
        trim.compacted = max(trim.compacted, end)
        trim.clean = kept
        summary.trim = trim
        return LogRecord(kind: .note, sequence: SequenceNumber(count), at: now, payload: [])
    }

    /// The stream after its records before the summary's anchor have gone: as the note there tells it, and what follows. `nil`
    /// where the note is not among the records.
    ///
    /// - Parameter records: Those behind the message before the anchor.
    public init?(from records: [LogRecord], of summary: StreamSummary) {
        guard let anchor = summary.trim?.anchor, anchor > 0 else { return nil }
        self.init(summary)
        count = anchor
        let isThere = records.contains { record in
            record.kind == .note && record.sequence.rawValue == anchor
                && (try? StreamNote(stored: record.note))?.writers != nil
        }
        let rest = records.filter { $0.sequence.rawValue > anchor || $0.kind == .note }
        guard isThere, replay(rest) else { return nil }
    }
}
