/// By what a JSON stream is compacted: of all messages with the same values in these members only the newest is kept.
public struct StreamCompaction: Hashable, Sendable {
    /// Names of members of a message, which is an object: 1 to 4.
    public var members: [String]

    public static let maximumMembers = 4
    public static let maximumNameBytes = 64
    /// A longer key is none: 1 KiB.
    public static let maximumKeyBytes = 1 << 10

    public init(members: [String]) { self.members = members }

    /// The key of a message; `nil` where it has none: it is no object, or not all of the members are there and are texts, numbers
    /// or booleans. Numbers are the same when they are written the same.
    public func key(of message: [UInt8]) -> [UInt8]? {
        guard let value = try? JSONDocument.parse(message), value.kind == .object else { return nil }
        let found = value.members
        var key: [UInt8] = []
        for name in members {
            // The last of those with the same name counts, as for those who read it.
            guard let member = found.last(where: { $0.name == name })?.value else { return nil }
            let (mark, bytes): (UInt8, [UInt8])
            switch member.kind {
            case .string: (mark, bytes) = (1, member.textBytes ?? [])
            case .number: (mark, bytes) = (2, Array(member.source))
            case .boolean: (mark, bytes) = (3, Array(member.source))
            default: return nil
            }
            key.append(mark)
            withUnsafeBytes(of: UInt32(truncatingIfNeeded: bytes.count)) { key.append(contentsOf: $0) }
            key.append(contentsOf: bytes)
        }
        return key.count <= Self.maximumKeyBytes ? key : nil
    }
}

/// Finds out which messages of a stream are superseded: a look at what has come since the last time, for the newest of each key, and
/// then one at all there is, for the older ones.
public struct StreamCompacting: Sendable {
    /// The numbers of the messages that can go.
    public private(set) var superseded: [SequenceNumber] = []
    /// Bytes that they take, without what stands in their place.
    public private(set) var bytes = 0
    /// How many stay.
    public private(set) var kept: UInt64 = 0
    /// It is over with this message: the ones behind it are looked at the next time.
    public private(set) var end: UInt64
    /// Where to read on.
    public private(set) var position: UInt64
    public private(set) var isDone = false

    private let compaction: StreamCompaction
    private let first: UInt64
    private let maximumKeys: Int
    private let maximumMessages: Int
    /// Bytes of keys that one look remembers.
    private static let maximumKeyBytes = 16 << 20
    private var keyBytes = 0
    private var newest: [[UInt8]: UInt64] = [:]
    private var isSifting = false

    /// - Parameters:
    ///   - first: The message before the first that is kept.
    ///   - compacted: Up to here no message is superseded by one that is up to here.
    ///   - end: Up to here messages can go.
    ///   - maximumKeys: With more new ones it is over earlier.
    ///   - maximumMessages: No more than so many are let go at once.
    public init(
        _ compaction: StreamCompaction, first: UInt64, compacted: UInt64, end: UInt64, maximumKeys: Int = 100_000,
        maximumMessages: Int = 1_000_000
    ) {
        self.compaction = compaction
        self.first = first
        self.end = end
        self.maximumKeys = maximumKeys
        self.maximumMessages = maximumMessages
        position = max(first, compacted)
        if position >= end { isDone = true }
    }

    /// Looks at what stands behind ``position``.
    public mutating func look(at records: [LogRecord]) {
        for record in records where !isDone {
            let number = record.sequence.rawValue
            guard number <= end else { return turn() }
            if record.kind == .note {
                // Its message may have gone.
                position = max(position, number)
                continue
            }
            let isTaken = isSifting ? sift(number, record) : note(number, record)
            // The same message is looked at once more, as the first behind the turn.
            if !isTaken { return turn() }
            position = number
        }
        if position >= end || records.isEmpty { turn() }
    }

    /// The first look is over, or the second.
    private mutating func turn() {
        isDone = isSifting
        isSifting = true
        position = first
    }

    private mutating func note(_ number: UInt64, _ record: LogRecord) -> Bool {
        guard let key = compaction.key(of: record.payload) else { return true }
        if newest[key] == nil {
            if newest.count == maximumKeys || keyBytes > Self.maximumKeyBytes {
                end = number - 1
                return false
            }
            keyBytes += key.count
        }
        newest[key] = number
        return true
    }

    private mutating func sift(_ number: UInt64, _ record: LogRecord) -> Bool {
        if let key = compaction.key(of: record.payload), let last = newest[key], last > number {
            guard superseded.count < maximumMessages else { return false }
            superseded.append(record.sequence)
            bytes += record.payload.count
        } else {
            kept += 1
        }
        return true
    }

    /// Whether all that was superseded has been found.
    public var isComplete: Bool { superseded.count < maximumMessages }
}
