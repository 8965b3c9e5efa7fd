/// How much of a stream is kept: what is over any of these goes, the oldest first. At least one is there.
public struct StreamRetention: Hashable, Sendable {
    /// Messages that are older go.
    public var seconds: UInt64?
    /// Bytes of messages.
    public var bytes: UInt64?
    public var messages: UInt64?

    public init(seconds: UInt64? = nil, bytes: UInt64? = nil, messages: UInt64? = nil) {
        self.seconds = seconds
        self.bytes = bytes
        self.messages = messages
    }

    /// Whether so much is over by more than an eighth, and by more than is worth a record: then nobody waits for the next look.
    public func isFarExceeded(messages count: UInt64, bytes size: UInt64) -> Bool {
        messages.map { count > $0 + max($0 / 8, Self.fewMessages) } ?? false
            || bytes.map { size > $0 + max($0 / 8, Self.fewBytes) } ?? false
    }

    static let fewMessages: UInt64 = 64
    static let fewBytes: UInt64 = 64 << 10
}

/// What of a stream has been let go. Kept in its summary: the same record makes it durable and shown.
public struct StreamTrim: Hashable, Sendable {
    /// So many of its own messages are gone for readers.
    public var first: UInt64 = 0
    /// Their bytes.
    public var bytes: UInt64 = 0
    /// Of so many the records may go, too.
    public var freed: UInt64 = 0
    /// Their bytes.
    public var freedBytes: UInt64 = 0
    /// The message behind which there is a note of all that the writers had done, for those who find the records before it gone.
    /// 0 where nothing was freed.
    public var anchor: UInt64 = 0
    /// Up to here single messages may have gone by compaction, or are going.
    public var thinning: UInt64 = 0
    /// Up to here compaction is done.
    public var compacted: UInt64 = 0
    /// So many messages it left there.
    public var clean: UInt64 = 0

    public init() {}
}

/// Finds out which messages are over what a stream keeps, looking at them from the oldest on.
public struct StreamTrimming: Sendable {
    public private(set) var trim: StreamTrim
    /// When the oldest message was written that is kept, once it has been seen.
    public private(set) var oldest: Timestamp?
    private let retention: StreamRetention
    private let now: Timestamp
    /// Behind which message to read on.
    public private(set) var position: UInt64
    private let count: UInt64
    private let isDense: Bool
    private var kept: UInt64
    /// More is for ever.
    private static let maximumSeconds: UInt64 = 1 << 53

    /// - Parameters:
    ///   - count: How many messages are durable; later ones are not looked at.
    ///   - bytes: Those of all messages ever.
    ///   - isDense: Whether none is missing.
    public init(
        _ retention: StreamRetention, from trim: StreamTrim?, count: UInt64, bytes: UInt64, at now: Timestamp,
        isDense: Bool = true
    ) {
        self.retention = retention
        self.trim = trim ?? StreamTrim()
        self.count = count
        self.now = now
        self.isDense = isDense
        position = self.trim.first
        kept = bytes - min(bytes, self.trim.bytes)
    }

    /// Whether there is nothing more to look at.
    public var isDone: Bool { oldest != nil || position >= count }

    /// Looks at the records that follow, up to the first that is kept. False when they do not follow.
    public mutating func look(at records: [LogRecord]) -> Bool {
        for record in records where !isDone {
            let number = record.sequence.rawValue
            if record.kind == .note {
                // Its message may have gone by compaction.
                position = max(position, number)
                continue
            }
            guard isDense ? number == position + 1 : number > position && number <= count else { return false }
            position = number
            if isOver(record) {
                let size = UInt64(record.payload.count)
                trim.first = number
                trim.bytes += size
                kept -= min(size, kept)
            } else {
                oldest = record.at
            }
        }
        return true
    }

    private func isOver(_ record: LogRecord) -> Bool {
        if let messages = retention.messages, count - trim.first > messages { return true }
        if let bytes = retention.bytes, kept > bytes { return true }
        guard let seconds = retention.seconds else { return false }
        return now.rawValue &- record.at.rawValue >= Int64(clamping: min(seconds, Self.maximumSeconds)) * 1_000
    }
}
