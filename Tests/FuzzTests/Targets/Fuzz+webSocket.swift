import NIOCore
import NIOEmbedded

@testable import ThroughlineServer

extension FuzzTarget {
    /// What a client sends on a WebSocket: cut anywhere, the messages, pongs and the closing code are those that RFC 6455 says.
    static let webSocket = FuzzTarget("web-socket") { bytes in
        var input = FuzzInput(bytes)
        let piece = 1 + input.below(64)
        let isRaw = input.byte() % 4 == 0
        var sent = isRaw ? input.remainder() : []
        while !input.isAtEnd, sent.count < 4_096 { sent += frame(&input) }
        let expected = Expectation(of: sent, limit: limits.messageBytes)
        for size in [piece, sent.count + 1] {
            let seen = try outcome(of: sent, in: size)
            try require(seen == expected, "in pieces of \(size) it is \(seen) and should be \(expected)")
        }
    }

    private static let limits: TransportLimits = {
        var limits = TransportLimits()
        limits.messageBytes = 300
        return limits
    }()

    /// A frame that is valid more often than not.
    private static func frame(_ input: inout FuzzInput) -> [UInt8] {
        let choice = input.byte()
        let opcodes: [UInt8] = [0, 1, 2, 8, 9, 10, 1, choice & 15]
        var first = opcodes[input.below(8)] | (choice & 3 == 0 ? 0 : 0x80)
        if choice > 250 { first |= choice << 4 & 0x70 }
        let payload = input.bytes(input.below(choice > 200 ? 400 : 130))
        let isMasked = choice != 200
        var frame = [first, isMasked ? 0x80 : 0]
        switch payload.count {
        case ..<126: frame[1] |= UInt8(payload.count)
        default:
            frame[1] |= 126
            frame += [UInt8(payload.count >> 8), UInt8(payload.count & 255)]
        }
        guard isMasked else { return frame + payload }
        let key = (0..<4).map { choice &+ $0 }
        return frame + key + payload.enumerated().map { $1 ^ key[$0 & 3] }
    }

    private static func outcome(of bytes: [UInt8], in piece: Int) throws -> Outcome {
        let channel = EmbeddedChannel()
        let plain = PlainWriter()
        let recorder = Recorder()
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(plain)
        try pipeline.addHandler(WebSocketHandler(consumer: recorder, plain: plain, limits: limits))
        try channel.connect(to: try SocketAddress(unixDomainSocketPath: "/socket")).wait()
        for start in stride(from: 0, to: bytes.count, by: piece) where channel.isActive {
            try channel.writeInbound(ByteBuffer(bytes: bytes[start..<min(start + piece, bytes.count)]))
        }
        var outcome = Outcome(messages: recorder.messages)
        while let frame = try channel.readOutbound(as: ByteBuffer.self) { try outcome.take(frame) }
        channel.embeddedEventLoop.advanceTime(by: .seconds(3))
        try require(channel.isActive == (outcome.close == nil), "closed, but not for good, or the other way round")
        _ = try? channel.finish()
        try require(recorder.isClosed, "the consumer does not know of the end")
        return outcome
    }
}

private final class Recorder: WebSocketConsumer {
    weak var output: (any WebSocketOutput)?
    var takesBinary: Bool { true }
    var isTakingMore: Bool { true }
    var messages: [Outcome.Message] = []
    var isClosed = false

    func opened() {}
    func received(_ message: [UInt8], isBinary: Bool) { messages.append(.init(bytes: message, isBinary: isBinary)) }
    func becameWritable() {}
    func drain() {}
    func closed() { isClosed = true }
}

/// What came of the bytes.
private struct Outcome: Equatable {
    struct Message: Equatable {
        var bytes: [UInt8]
        var isBinary: Bool
    }

    var messages: [Message] = []
    var pongs: [[UInt8]] = []
    var close: UInt16?

    /// Takes one frame of the server's.
    mutating func take(_ frame: ByteBuffer) throws {
        var frame = frame
        let first = frame.readInteger(as: UInt8.self)
        try require(close == nil, "a frame after the closing one")
        try require(frame.readInteger(as: UInt8.self).map(Int.init) == frame.readableBytes, "a frame of another length")
        switch first {
        case 0x8A: pongs.append(Array(frame.readableBytesView))
        case 0x88: close = frame.readInteger(as: UInt16.self)
        default: throw Violation(description: "the server sent \(first.map(String.init) ?? "nothing")")
        }
    }
}

/// Reads a client's frames as RFC 6455 says, all at once.
private struct Expectation {
    private var outcome = Outcome()
    private var fragments: Outcome.Message?
    private let limit: Int

    static func == (seen: Outcome, expected: Expectation) -> Bool { seen == expected.outcome }

    init(of bytes: [UInt8], limit: Int) {
        self.limit = limit
        var rest = bytes[...]
        while outcome.close == nil, rest.count >= 2 {
            outcome.close = Self.fault(rest.first!, rest.dropFirst().first!)
            guard outcome.close == nil, let head = Head(&rest) else { break }
            outcome.close = head.length > limit ? 1009 : nil
            guard outcome.close == nil, let payload = head.payload(&rest) else { break }
            outcome.close = take(head, payload)
        }
    }

    /// What is wrong with a frame can be told by its first two bytes, all but a length over the limit.
    private static func fault(_ first: UInt8, _ second: UInt8) -> UInt16? {
        if second & 0x80 == 0 || first & 0x70 != 0 { return 1002 }
        switch first & 15 {
        case 0...2: return nil
        case 8...10: return first & 0x80 == 0 || second & 0x7F > 125 ? 1002 : nil
        default: return 1002
        }
    }

    private mutating func take(_ head: Head, _ payload: [UInt8]) -> UInt16? {
        switch head.first & 15 {
        case 0...2: return take(fragment: payload, head)
        case 8: return answer(to: payload)
        case 9: outcome.pongs.append(payload)
        case 10: break
        default: return 1002
        }
        return nil
    }

    private mutating func take(fragment: [UInt8], _ head: Head) -> UInt16? {
        if (head.first & 15 == 0) != (fragments != nil) { return 1002 }
        var message = fragments ?? .init(bytes: [], isBinary: head.first & 15 == 2)
        message.bytes += fragment
        if message.bytes.count > limit { return 1009 }
        fragments = head.isFinal ? nil : message
        if head.isFinal { outcome.messages.append(message) }
        return nil
    }

    private func answer(to payload: [UInt8]) -> UInt16 {
        if payload.isEmpty { return 1000 }
        if payload.count == 1 { return 1002 }
        let code = UInt16(payload[0]) << 8 | UInt16(payload[1])
        let isKnown = [1000, 1001, 1002, 1003].contains(code) || 1007...1014 ~= code || 3000...4999 ~= code
        guard isKnown else { return 1002 }
        return String(validating: payload[2...], as: UTF8.self) == nil ? 1007 : code
    }
}

extension Expectation: CustomStringConvertible {
    var description: String { "\(outcome)" }
}

private struct Head {
    let first: UInt8
    let isMasked: Bool
    let length: Int
    var isFinal: Bool { first & 0x80 != 0 }

    /// `nil` while the head is not whole.
    init?(_ rest: inout ArraySlice<UInt8>) {
        guard rest.count >= 2 else { return nil }
        let bytes = Array(rest.prefix(10))
        let short = Int(bytes[1] & 0x7F)
        let extra = short == 126 ? 2 : short == 127 ? 8 : 0
        guard bytes.count >= 2 + extra else { return nil }
        first = bytes[0]
        isMasked = bytes[1] & 0x80 != 0
        let long = bytes[2..<2 + extra].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        length = extra == 0 ? short : Int(clamping: long)
        rest = rest.dropFirst(2 + extra)
    }

    /// `nil` while it is not whole.
    func payload(_ rest: inout ArraySlice<UInt8>) -> [UInt8]? {
        let key = isMasked ? Array(rest.prefix(4)) : [0, 0, 0, 0]
        let start = isMasked ? 4 : 0
        guard rest.count >= start + length else { return nil }
        let payload = rest.dropFirst(start).prefix(length).enumerated().map { $1 ^ key[$0 & 3] }
        rest = rest.dropFirst(start + length)
        return payload
    }
}
