import Testing
import ThroughlineServer

@Suite struct GatewaySSETests {
    /// The events of a text fed in pieces, the last one included.
    private func events(_ text: String, in sizes: [Int] = [.max]) throws -> [SSEEvent] {
        var parser = SSEParser()
        var events: [SSEEvent] = []
        var rest = Array(text.utf8)[...]
        var turn = 0
        while !rest.isEmpty {
            let piece = rest.prefix(sizes[turn % sizes.count])
            events += try parser.feed(piece)
            rest = rest.dropFirst(piece.count)
            turn += 1
        }
        if let last = try parser.finish() { events.append(last) }
        return events
    }

    private func data(_ text: String) throws -> [String] {
        try events(text).map { String(decoding: $0.data, as: UTF8.self) }
    }

    @Test func `Lines end with LF, CR or CRLF`() throws {
        for end in ["\n", "\r", "\r\n"] {
            #expect(try data("data: a\(end)data: b\(end)\(end)data: c\(end)\(end)") == ["a\nb", "c"])
        }
    }

    @Test func `Comments, unknown fields and a byte order mark are passed over`() throws {
        #expect(try data("\u{FEFF}data: a\n: comment\nretry: 10\nfoo: bar\nbaz\n\n") == ["a"])
        #expect(try data("data: a\n\n\u{FEFF}data: b\n\n") == ["a"])
    }

    @Test func `One space behind the colon is not part of the value`() throws {
        #expect(try data("data:a\n\ndata:  b\n\n") == ["a", " b"])
    }

    @Test func `Event and id are those of this event only`() throws {
        let all = try events("event: e\nid: 7\ndata: a\n\ndata: b\n\n")
        #expect(all == [SSEEvent(data: Array("a".utf8), event: "e", id: "7"), SSEEvent(data: Array("b".utf8))])
    }

    @Test func `Nothing without data comes out, but for a named event`() throws {
        #expect(try events("\n\n: hb\n\ndata:\n\nid: 3\n\n").isEmpty)
        #expect(try events("event: erased\ndata:\n\n") == [SSEEvent(data: [], event: "erased")])
    }

    @Test func `An event without its last blank line still counts`() throws {
        #expect(try data("data: a\n\ndata: [DONE]") == ["a", "[DONE]"])
        #expect(try data("data: [DONE]\n") == ["[DONE]"])
    }

    @Test func `Bytes that are no UTF-8 become replacement characters`() throws {
        var parser = SSEParser()
        let all = try parser.feed(Array("data: a".utf8) + [0xFF, 0x0A, 0x0A])
        #expect(all.map(\.data) == [Array("a\u{FFFD}".utf8)])
    }

    @Test func `Lines and events have a largest size`() {
        var lines = SSEParser(maximumLine: 10)
        #expect(throws: SSEError.lineTooLong(limit: 10)) { try lines.feed("data: 12345".utf8) }
        var whole = SSEParser(maximumLine: 100, maximumEvent: 8)
        #expect(throws: SSEError.eventTooLarge(limit: 8)) { try whole.feed("data: 1234\ndata: 1234\n".utf8) }
    }

    @Test func `Cut anywhere, a stream says the same`() throws {
        let text = """
            \u{FEFF}: hello\r\ndata: {"a":"👩‍👩‍👧 é שלום"}\r\n\r\nid: 1.0\revent: x\rdata: 1\rdata: 2\r\r\
            data: 🌊\n\n: hb\n\ndata: [DONE]\n\n
            """
        let whole = try events(text)
        #expect(whole.count == 4)
        #expect(try events(text, in: [1]) == whole)
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<200 {
            let sizes = (0..<8).map { _ in Int.random(in: 1...9, using: &generator) }
            #expect(try events(text, in: sizes) == whole, "sizes \(sizes)")
        }
    }
}

/// Chance that can be had again.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
