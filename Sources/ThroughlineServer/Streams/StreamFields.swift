import ThroughlineCore

/// The headers of a request that mean something for a durable stream, whatever the transport. Each may stand once.
struct StreamFields: Sendable {
    var contentType: String?
    var isClosing = false
    var ttl: String?
    var expiresAt: String?
    var forkedFrom: String?
    var forkOffset: String?
    var forkSubOffset: String?
    var order: String?
    var producerID: String?
    var producerEpoch: String?
    var producerSequence: String?
    var ifMatch: String?
    var ifNoneMatch: String?
    var lastEventID: String?
    var authorization: String?
    var compactionKey: String?
    var isForwardedSecurely = false
    /// The headers that say how much is kept, in lower case.
    private(set) var retention: [(name: String, value: String)] = []
    /// A header that stood twice with different values.
    private(set) var repeated: String?

    /// Takes a header if it is one of these.
    mutating func take(_ name: String, _ value: String) {
        switch name.utf8.count {
        case 8 where name.isHeader("if-match"): set(\.ifMatch, value, name)
        case 10 where name.isHeader("stream-ttl"): set(\.ttl, value, name)
        case 10 where name.isHeader("stream-seq"): set(\.order, value, name)
        case 11 where name.isHeader("producer-id"): set(\.producerID, value, name)
        case 12 where name.isHeader("content-type"): set(\.contentType, value, name)
        case 12 where name.isHeader("producer-seq"): set(\.producerSequence, value, name)
        case 13 where name.isHeader("stream-closed"): isClosing = value.isHeader("true")
        case 13 where name.isHeader("last-event-id"): set(\.lastEventID, value, name)
        case 13 where name.isHeader("if-none-match"): set(\.ifNoneMatch, value, name)
        case 13 where name.isHeader("authorization"): set(\.authorization, value, name)
        case 14 where name.isHeader("producer-epoch"): set(\.producerEpoch, value, name)
        case 17 where name.isHeader("stream-expires-at"): set(\.expiresAt, value, name)
        case 17 where name.isHeader("x-forwarded-proto"): isForwardedSecurely = value.isHeader("https")
        case 18 where name.isHeader("stream-forked-from"): set(\.forkedFrom, value, name)
        case 18 where name.isHeader("stream-fork-offset"): set(\.forkOffset, value, name)
        case 21 where name.isHeader("stream-compaction-key"): set(\.compactionKey, value, name)
        case 22 where name.isHeader("stream-fork-sub-offset"): set(\.forkSubOffset, value, name)
        case 19... where name.isHeader(startingWith: StreamRetention.headerPrefix):
            retention.append((name.lowercased(), value))
        default: break
        }
    }

    @inline(__always)
    private mutating func set(_ field: WritableKeyPath<StreamFields, String?>, _ value: String, _ name: String) {
        if let known = self[keyPath: field], known != value { repeated = name }
        self[keyPath: field] = value
    }
}

extension StreamFields {
    /// How the server was addressed, from its authority.
    func origin(_ authority: String?) -> String {
        authority.map { (isForwardedSecurely ? "https://" : "http://") + $0 } ?? ""
    }

    func check() throws(Refusal) {
        if let repeated { throw Refusal(.headerInvalid, "The header \(repeated) stands twice.") }
    }

    /// What the stream is to be.
    func creation(_ body: [UInt8]) throws(Refusal) -> StreamCreationFields {
        StreamCreationFields(
            contentType: try mediaType(), lifetime: try lifetime(), retention: try StreamRetention(retention),
            compaction: try StreamCompaction(compactionKey), fork: try fork())
    }

    /// The content type, if there is one; an empty one counts as none.
    func mediaType() throws(Refusal) -> String? {
        guard let type = contentType?.trimmingSpaces(), !type.isEmpty else { return nil }
        guard MediaType.isLegal(type) else {
            throw Refusal(.headerInvalid, "Content-Type is a media type, such as application/json or text/plain.")
        }
        return type
    }

    private func lifetime() throws(Refusal) -> StreamLifetime {
        if ttl != nil, expiresAt != nil {
            throw Refusal(.headerInvalid, "Send Stream-TTL or Stream-Expires-At, not both.")
        }
        if let ttl {
            guard let seconds = UInt64(digits: ttl), ttl == String(seconds), seconds <= Self.maximumSeconds else {
                throw Refusal(
                    .headerInvalid,
                    "Stream-TTL is a number of seconds in decimal digits, at most \(Self.maximumSeconds).")
            }
            return .idle(seconds: seconds)
        }
        guard let expiresAt else { return .unlimited }
        guard let time = RFC3339.parse(expiresAt) else {
            throw Refusal(.headerInvalid, "Stream-Expires-At is a time as in RFC 3339: 2030-01-31T12:00:00Z.")
        }
        return .until(time)
    }

    /// A hundred years.
    static let maximumSeconds: UInt64 = 3_155_760_000

    private func fork() throws(Refusal) -> StreamForkFields? {
        guard let forkedFrom else {
            if forkOffset != nil || forkSubOffset != nil {
                throw Refusal(.headerInvalid, "Stream-Fork-Offset and -Sub-Offset need Stream-Forked-From.")
            }
            return nil
        }
        guard let source = StreamTarget.path(ofURL: forkedFrom) else {
            throw Refusal(.headerInvalid, "Stream-Forked-From is the path of a stream of this server: /v1/stream/a/b.")
        }
        var offset: StreamOffset?
        if let forkOffset, forkOffset != "now" { offset = try StreamTarget.offset(forkOffset, tail: .start) }
        var beyond: UInt64 = 0
        if let forkSubOffset {
            guard let number = UInt64(digits: forkSubOffset), String(number) == forkSubOffset,
                number <= ProducerStamp.maximumNumber
            else { throw Refusal(.headerInvalid, "Stream-Fork-Sub-Offset is a number in decimal digits.") }
            beyond = number
        }
        return StreamForkFields(source: source, offset: offset, beyond: beyond)
    }

    /// Who produces, if somebody says so: all three headers, or none.
    func producer() throws(Refusal) -> ProducerStamp? {
        if producerID == nil, producerEpoch == nil, producerSequence == nil { return nil }
        guard let id = producerID, let epoch = producerEpoch, let sequence = producerSequence else {
            throw Refusal(.producerInvalid, "Send Producer-Id, Producer-Epoch and Producer-Seq together.")
        }
        guard (1...ProducerStamp.maximumIDBytes).contains(id.utf8.count) else {
            throw Refusal(.producerInvalid, "Producer-Id has 1 to \(ProducerStamp.maximumIDBytes) bytes.")
        }
        guard let epoch = Self.number(epoch), let sequence = Self.number(sequence) else {
            throw Refusal(.producerInvalid, "Producer-Epoch and Producer-Seq are numbers from 0 to 2^53 - 1.")
        }
        return ProducerStamp(id: id, epoch: epoch, sequence: sequence)
    }

    private static func number(_ text: String) -> UInt64? {
        guard (1...16).contains(text.utf8.count), let number = UInt64(digits: text),
            number <= ProducerStamp.maximumNumber
        else { return nil }
        return number
    }

    /// The value of `Stream-Seq`.
    func streamOrder() throws(Refusal) -> String? {
        guard let order else { return nil }
        guard (1...256).contains(order.utf8.count) else {
            throw Refusal(.headerInvalid, "Stream-Seq has 1 to 256 bytes.")
        }
        return order
    }

    /// The offset that the tail has to be at.
    func expectedTail() throws(Refusal) -> StreamOffset? {
        guard let ifMatch, ifMatch != "*" else { return nil }
        let text = ifMatch.hasPrefix("\"") && ifMatch.hasSuffix("\"") ? String(ifMatch.dropFirst().dropLast()) : ifMatch
        guard let offset = StreamOffset(text) else {
            throw Refusal(.headerInvalid, "If-Match is the stream's tail, as Stream-Next-Offset gave it.")
        }
        return offset
    }
}

/// What the headers of a creation say.
struct StreamCreationFields: Sendable {
    var contentType: String?
    var lifetime: StreamLifetime
    var retention: StreamRetention?
    var compaction: StreamCompaction?
    var fork: StreamForkFields?
}

struct StreamForkFields: Sendable {
    var source: StreamPath
    var offset: StreamOffset?
    var beyond: UInt64
}
