/// How subscriptions are stored: the first record holds the whole state, each that follows one change. A version is in front of both.
extension SubscriptionMachine {
    private static let version: UInt64 = 1

    /// The whole state, for a first record.
    public var encoded: [UInt8] {
        var writer = StateWriter(capacity: 256 + links.count * 64)
        writer.number(Self.version)
        writer.text(id)
        settings.write(to: &writer)
        writer.time(created)
        writer.text(origin)
        writer.number(revision)
        writer.number(generation)
        writer.list(links.sorted { $0.key < $1.key }) { $0.link($1.key, $1.value) }
        writer.optional(wake) { writer, wake in
            writer.text(wake.id)
            writer.offsets(wake.tails)
            writer.optional(wake.holder)
        }
        writer.optional(retry) { $0.retry($1) }
        return writer.bytes
    }

    /// `nil` where the bytes are none of this version.
    public init?(stored bytes: [UInt8]) {
        var reader = StateReader(bytes)
        do throws(StateError) {
            try self.init(from: &reader)
        } catch { return nil }
        if !reader.isAtEnd { return nil }
    }

    private init(from reader: inout StateReader) throws(StateError) {
        guard try reader.number() == Self.version else { throw StateError() }
        self.init(
            id: try reader.string(), settings: try SubscriptionSettings(from: &reader), created: try reader.time(),
            origin: try reader.string())
        revision = try reader.number()
        generation = try reader.number()
        links = Dictionary(
            try reader.list { reader throws(StateError) in try reader.link() }, uniquingKeysWith: { $1 })
        wake = try reader.optional { reader throws(StateError) in
            Wake(id: try reader.string(), tails: try reader.offsets(), holder: try reader.optionalString())
        }
        retry = try reader.optional { reader throws(StateError) in try reader.retry() }
    }
}

extension SubscriptionChange {
    private static let version: UInt64 = 1

    public var encoded: [UInt8] {
        var writer = StateWriter(capacity: 64)
        writer.number(Self.version)
        switch self {
        case .linked(let links):
            writer.number(1 as UInt64)
            writer.list(links.sorted { $0.key < $1.key }) { $0.link($1.key, $1.value) }
        case .unlinked(let path):
            writer.number(2 as UInt64)
            writer.text(path.value)
        case .acknowledged(let offsets):
            writer.number(3 as UInt64)
            writer.offsets(offsets)
        case .woken(let id, let tails):
            writer.number(4 as UInt64)
            writer.text(id)
            writer.offsets(tails)
        case .claimed(let worker):
            writer.number(5 as UInt64)
            writer.text(worker)
        case .settled: writer.number(6 as UInt64)
        case .failed(let retry):
            writer.number(7 as UInt64)
            writer.retry(retry)
        case .heard: writer.number(8 as UInt64)
        case .deleted: writer.number(9 as UInt64)
        }
        return writer.bytes
    }

    public init?(stored bytes: [UInt8]) {
        var reader = StateReader(bytes)
        do throws(StateError) {
            guard try reader.number() == Self.version else { return nil }
            switch try reader.number() {
            case 1:
                let links = try reader.list { reader throws(StateError) in try reader.link() }
                self = .linked(Dictionary(links, uniquingKeysWith: { $1 }))
            case 2: self = .unlinked(StreamPath(unchecked: try reader.string()))
            case 3: self = .acknowledged(try reader.offsets())
            case 4: self = .woken(id: try reader.string(), tails: try reader.offsets())
            case 5: self = .claimed(by: try reader.string())
            case 6: self = .settled
            case 7: self = .failed(try reader.retry())
            case 8: self = .heard
            case 9: self = .deleted
            default: return nil
            }
        } catch { return nil }
        if !reader.isAtEnd { return nil }
    }
}

extension StateWriter {
    fileprivate mutating func link(_ path: StreamPath, _ link: SubscriptionMachine.Link) {
        text(path.value)
        number((link.isExplicit ? 1 : 0) | (link.isByPattern ? 2 : 0) as UInt64)
        number(link.acknowledged.position)
    }

    fileprivate mutating func offsets(_ offsets: [StreamPath: StreamOffset]) {
        list(offsets.sorted { $0.key < $1.key }) {
            $0.text($1.key.value)
            $0.number($1.value.position)
        }
    }

    fileprivate mutating func retry(_ retry: SubscriptionMachine.Retry) {
        number(retry.failures)
        time(retry.next)
    }
}

extension StateReader {
    fileprivate mutating func link() throws(StateError) -> (StreamPath, SubscriptionMachine.Link) {
        let path = StreamPath(unchecked: try string())
        let flags = try number()
        return (
            path,
            SubscriptionMachine.Link(
                isExplicit: flags & 1 != 0, isByPattern: flags & 2 != 0, acknowledged: StreamOffset(try number()))
        )
    }

    fileprivate mutating func offsets() throws(StateError) -> [StreamPath: StreamOffset] {
        let list = try list { reader throws(StateError) in
            (StreamPath(unchecked: try reader.string()), StreamOffset(try reader.number()))
        }
        return Dictionary(list, uniquingKeysWith: { $1 })
    }

    fileprivate mutating func retry() throws(StateError) -> SubscriptionMachine.Retry {
        SubscriptionMachine.Retry(failures: try number(), next: try time())
    }
}
