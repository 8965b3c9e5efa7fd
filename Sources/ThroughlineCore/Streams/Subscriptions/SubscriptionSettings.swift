/// What a subscription is created with.
public struct SubscriptionSettings: Hashable, Sendable {
    public enum Delivery: Hashable, Sendable {
        /// A URL that is called.
        case webhook(String)
        /// A stream that gets a message for each wake.
        case pullWake(StreamPath)
    }

    public var delivery: Delivery
    public var pattern: StreamPattern?
    /// In order, each once.
    public var streams: [StreamPath]
    public var leaseMilliseconds: Int64
    public var description: String?

    public static let leases: ClosedRange<Int64> = 1_000...600_000
    public static let defaultLease: Int64 = 30_000

    public init(
        delivery: Delivery, pattern: StreamPattern?, streams: [StreamPath], leaseMilliseconds: Int64,
        description: String?
    ) {
        self.delivery = delivery
        self.pattern = pattern
        self.streams = Set(streams).sorted()
        self.leaseMilliseconds = leaseMilliseconds
        self.description = description
    }

    /// Whether a stream is of concern by the pattern. The stream that gets the wakes never is: one wake would be the next one's cause.
    public func matches(_ path: StreamPath) -> Bool {
        if case .pullWake(path) = delivery { return false }
        return pattern?.matches(path) ?? false
    }
}

extension SubscriptionSettings: StateCodable {
    func write(to writer: inout StateWriter) {
        switch delivery {
        case .webhook(let url):
            writer.number(0 as UInt64)
            writer.text(url)
        case .pullWake(let path):
            writer.number(1 as UInt64)
            writer.text(path.value)
        }
        writer.optional(pattern?.text)
        writer.list(streams) { $0.text($1.value) }
        writer.number(UInt64(leaseMilliseconds))
        writer.optional(description)
    }

    init(from reader: inout StateReader) throws(StateError) {
        switch try reader.number() {
        case 0: delivery = .webhook(try reader.string())
        case 1: delivery = .pullWake(StreamPath(unchecked: try reader.string()))
        default: throw StateError()
        }
        pattern = try reader.optionalString().flatMap { StreamPattern($0) }
        streams = try reader.list { reader throws(StateError) in StreamPath(unchecked: try reader.string()) }
        guard let lease = Int64(exactly: try reader.number()) else { throw StateError() }
        leaseMilliseconds = lease
        description = try reader.optionalString()
    }
}
