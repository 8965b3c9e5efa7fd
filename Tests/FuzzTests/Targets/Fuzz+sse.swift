import ThroughlineCore

@testable import ThroughlineServer

extension FuzzTarget {
    /// Server-sent events: cut anywhere they are the same, they keep to the limits, and what is written is read back.
    static let sse = FuzzTarget("sse") { bytes in
        var input = FuzzInput(bytes)
        let piece = 1 + input.below(16)
        let stream = input.remainder()
        let whole = try events(of: stream, in: stream.count + 1, limit: 1 << 20)
        try require(try events(of: stream, in: piece, limit: 1 << 20) == whole, "cut in pieces they are others")
        for event in whole { try check(event) }
        let written = whole.flatMap(write)
        try require(try events(of: written, in: piece, limit: 1 << 20) == whole, "written again they are others")
        do {
            let bounded = try events(of: stream, in: piece, limit: 64)
            try require(bounded == whole && bounded.allSatisfy { $0.data.count <= 3 * 64 }, "over the limit")
        } catch is SSEError {
            try require(stream.count >= 64, "a short stream is over the limit")
        }
    }

    private static func events(of stream: [UInt8], in piece: Int, limit: Int) throws -> [SSEEvent] {
        var parser = SSEParser(maximumLine: limit, maximumEvent: limit)
        var events: [SSEEvent] = []
        for start in stride(from: 0, to: stream.count, by: piece) {
            events += try parser.feed(stream[start..<min(start + piece, stream.count)])
        }
        if let last = try parser.finish() { events.append(last) }
        return events
    }

    private static func check(_ event: SSEEvent) throws {
        try require(event.data.withUnsafeBytes { UTF8Check.isValid($0) }, "data that is no UTF-8")
        try require(!event.data.isEmpty || event.event != nil, "an empty event")
        try require(!event.data.contains(UInt8(ascii: "\r")), "a carriage return in the data")
    }

    private static func write(_ event: SSEEvent) -> [UInt8] {
        var bytes: [UInt8] = []
        if let name = event.event { bytes += Array("event: \(name)\n".utf8) }
        if let id = event.id { bytes += Array("id: \(id)\n".utf8) }
        for line in event.data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            bytes += Array("data: ".utf8) + line + [UInt8(ascii: "\n")]
        }
        return bytes + [UInt8(ascii: "\n")]
    }
}
