/// All that is known of a durable stream besides its messages and producers: what listings, reads and a starting server need.
public struct StreamSummary: Hashable, Sendable {
    public var path: StreamPath
    public var settings: StreamSettings
    public var created: Timestamp
    @Rare public var closing: StreamClosing?
    /// It was deleted. Its messages are kept for as long as forks read them.
    public var isDeleted = false
    @Rare public var fork: StreamFork?
    /// What retention has taken so far.
    @Rare public var trim: StreamTrim?

    public init(path: StreamPath, settings: StreamSettings, created: Timestamp, fork: StreamFork? = nil) {
        self.path = path
        self.settings = settings
        self.created = created
        self.fork = fork
    }
}

/// A stream was closed, by whose request: its retry is recognised.
public struct StreamClosing: Hashable, Sendable {
    public var producer: ProducerStamp?

    public init(producer: ProducerStamp? = nil) { self.producer = producer }
}

/// Where a fork comes from.
public struct StreamFork: Hashable, Sendable {
    /// The store's name of the source.
    public var source: StreamID
    public var sourcePath: StreamPath
    /// So many messages of the source are the fork's too; its own are numbered from there.
    public var base: UInt64
    /// What its creator asked for: a retry asks for the same.
    public var asked: StreamOffset
    public var askedBeyond: UInt64

    public init(
        source: StreamID, sourcePath: StreamPath, base: UInt64, asked: StreamOffset, askedBeyond: UInt64
    ) {
        self.source = source
        self.sourcePath = sourcePath
        self.base = base
        self.asked = asked
        self.askedBeyond = askedBeyond
    }
}

extension StreamSummary {
    private static let version: UInt64 = 1
    /// With retention behind the rest.
    private static let versionWithRetention: UInt64 = 2
    /// With compaction, too.
    private static let versionWithCompaction: UInt64 = 3

    private var version: UInt64 {
        if settings.compaction != nil { return Self.versionWithCompaction }
        return settings.retention == nil ? Self.version : Self.versionWithRetention
    }

    /// The bytes for the store.
    public var encoded: [UInt8] {
        var writer = StateWriter(capacity: 96 + path.value.utf8.count)
        writer.number(version)
        writer.text(path.value)
        writer.text(settings.contentType)
        switch settings.lifetime {
        case .unlimited: writer.number(0)
        case .idle(let seconds):
            writer.number(1)
            writer.number(seconds)
        case .until(let time):
            writer.number(2)
            writer.time(time)
        }
        writer.time(created)
        writer.optional(closing) { writer, closing in writer.optional(closing.producer) { $1.write(to: &$0) } }
        writer.number(isDeleted ? 1 : 0)
        writer.optional(fork) { $1.write(to: &$0) }
        if let compaction = settings.compaction {
            writer.list(compaction.members) { $0.text($1) }
            writer.optional(settings.retention) { $1.write(to: &$0) }
            writer.optional(trim) { writer, trim in
                trim.write(to: &writer)
                for number in [trim.thinning, trim.compacted, trim.clean] { writer.number(number) }
            }
        } else if let retention = settings.retention {
            retention.write(to: &writer)
            writer.optional(trim) { $1.write(to: &$0) }
        }
        return writer.bytes
    }

    /// Reads what ``encoded`` wrote; `nil` where the bytes are something else.
    public init?(stored bytes: [UInt8]) {
        var reader = StateReader(bytes)
        do throws(StateError) {
            try self.init(from: &reader)
        } catch { return nil }
        if !reader.isAtEnd { return nil }
    }

    private init(from reader: inout StateReader) throws(StateError) {
        let version = try reader.number()
        guard (Self.version...Self.versionWithCompaction).contains(version) else { throw StateError() }
        let path = StreamPath(unchecked: try reader.string())
        let contentType = try reader.string()
        let lifetime: StreamLifetime
        switch try reader.number() {
        case 0: lifetime = .unlimited
        case 1: lifetime = .idle(seconds: try reader.number())
        case 2: lifetime = .until(try reader.time())
        default: throw StateError()
        }
        self.init(
            path: path, settings: StreamSettings(contentType: contentType, lifetime: lifetime),
            created: try reader.time())
        closing = try reader.optional { reader throws(StateError) in
            StreamClosing(
                producer: try reader.optional { reader throws(StateError) in try ProducerStamp(from: &reader) })
        }
        isDeleted = try reader.number() == 1
        fork = try reader.optional { reader throws(StateError) in try StreamFork(from: &reader) }
        switch version {
        case Self.versionWithRetention:
            settings.retention = try StreamRetention(from: &reader)
            trim = try reader.optional { reader throws(StateError) in try StreamTrim(from: &reader) }
        case Self.versionWithCompaction: try readCompaction(from: &reader)
        default: break
        }
    }

    private mutating func readCompaction(from reader: inout StateReader) throws(StateError) {
        let count = try reader.number()
        guard (1...UInt64(StreamCompaction.maximumMembers)).contains(count) else { throw StateError() }
        var members: [String] = []
        for _ in 0..<count { members.append(try reader.string()) }
        settings.compaction = StreamCompaction(members: members)
        settings.retention = try reader.optional { reader throws(StateError) in try StreamRetention(from: &reader) }
        trim = try reader.optional { reader throws(StateError) in
            var trim = try StreamTrim(from: &reader)
            trim.thinning = try reader.number()
            trim.compacted = try reader.number()
            trim.clean = try reader.number()
            return trim
        }
    }
}

extension StreamRetention: StateCodable {
    func write(to writer: inout StateWriter) {
        for limit in [seconds, bytes, messages] { writer.optional(limit) { $0.number($1) } }
    }

    init(from reader: inout StateReader) throws(StateError) {
        seconds = try reader.optional { reader throws(StateError) in try reader.number() }
        bytes = try reader.optional { reader throws(StateError) in try reader.number() }
        messages = try reader.optional { reader throws(StateError) in try reader.number() }
    }
}

extension StreamTrim: StateCodable {
    func write(to writer: inout StateWriter) {
        for number in [first, bytes, freed, freedBytes, anchor] { writer.number(number) }
    }

    init(from reader: inout StateReader) throws(StateError) {
        first = try reader.number()
        bytes = try reader.number()
        freed = try reader.number()
        freedBytes = try reader.number()
        anchor = try reader.number()
    }
}

extension StreamFork: StateCodable {
    func write(to writer: inout StateWriter) {
        writer.text(source.rawValue)
        writer.text(sourcePath.value)
        writer.number(base)
        writer.number(asked.position)
        writer.number(askedBeyond)
    }

    init(from reader: inout StateReader) throws(StateError) {
        source = StreamID(try reader.string())
        sourcePath = StreamPath(unchecked: try reader.string())
        base = try reader.number()
        asked = StreamOffset(try reader.number())
        askedBeyond = try reader.number()
    }
}
