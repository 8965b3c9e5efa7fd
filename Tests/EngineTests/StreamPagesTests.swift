import NIOCore
import Testing
import ThroughlineCore
import ThroughlineTestKit

@testable import ThroughlineEngine

/// Pages of streams in memory: those that were read, and those that a reader will want next.
@Suite(.timeLimit(.minutes(5))) struct `Pages of streams` {
    private let bytes = 64
    private let bench: StreamBench
    private var engine: StreamEngine { bench.engine.streams }

    init() throws { bench = try StreamBench(InMemoryLogStore(), seed: 1) }

    /// A stream of 100 messages of 2 bytes, of which hardly any is in memory.
    private func filled(_ path: String) async throws -> DurableStream {
        #expect(await bench.create(path, isJSON: false, body: "", closed: false, fork: nil) == 201)
        for _ in 0..<100 {
            #expect(await bench.write(path, isJSON: false, body: "xy", nil, closing: false) == "taken")
        }
        return try await bench.find(path)
    }

    private func page(of stream: DurableStream, after position: StreamOffset) async throws -> StreamSlice {
        try await withCheckedContinuation { continuation in
            engine.readStored(stream, after: position, bytes: bytes) { continuation.resume(returning: $0) }
        }.get()
    }

    private func isThere(_ stream: DurableStream, _ position: StreamOffset) -> Bool {
        engine.pages.page(of: stream, after: position, bytes: bytes, 0) != nil
    }

    @Test func `the next page is there before a reader asks for it`() async throws {
        let stream = try await filled("a")
        var (position, size, pages) = (StreamOffset.start, 0, 0)
        while size < 200 {
            let slice = try await page(of: stream, after: position)
            #expect(slice.after == position)
            position = slice.last
            size += slice.body.readableBytes
            pages += 1
            if size < 200 { try await bench.eventually { isThere(stream, position) } }
        }
        #expect(size == 200 && pages > 3 && !isThere(stream, position))
    }

    @Test func `a last page that was read ahead is not the last when more has come`() async throws {
        let stream = try await filled("a")
        var slice = try await page(of: stream, after: .start)
        while slice.last.position < 90 {
            let next = slice.last
            try await bench.eventually { isThere(stream, next) }
            slice = try await page(of: stream, after: next)
        }
        try await bench.eventually { slice.isAtTail || isThere(stream, slice.last) }
        #expect(await bench.write("a", isJSON: false, body: "more", nil, closing: true) == "taken")
        let last = try await page(of: stream, after: slice.isAtTail ? slice.after : slice.last)
        #expect(last.isAtTail && last.isClosed && String(buffer: last.body).hasSuffix("more"))
    }

    @Test func `what is read ahead of readers who do not come has a limit`() async throws {
        var next: [(stream: DurableStream, position: StreamOffset)] = []
        for number in 0..<10 {
            let stream = try await filled("\(number)")
            next.append((stream, try await page(of: stream, after: .start).last))
            if number < 8 {
                try await bench.eventually {
                    !engine.pages.wantsAhead(of: stream, after: next[number].position, bytes: bytes, 0)
                }
            }
        }
        // Eight wait for somebody: for the other two nothing is read. Once one is taken, there is room again.
        #expect(!engine.pages.wantsAhead(of: next[9].stream, after: next[9].position, bytes: bytes, 0))
        #expect(isThere(next[0].stream, next[0].position) && !isThere(next[9].stream, next[9].position))
        #expect(engine.pages.wantsAhead(of: next[9].stream, after: next[9].position, bytes: bytes, 0))
        // And when whoever it was read for does not come for two seconds.
        _ = try await page(of: next[9].stream, after: .start)
        let (stream, position) = next[8]
        try await bench.eventually { !engine.pages.wantsAhead(of: stream, after: position, bytes: bytes, 0) }
        let now = engine.environment.monotonic()
        #expect(!engine.pages.wantsAhead(of: stream, after: position, bytes: bytes, now + 2_000))
        #expect(engine.pages.wantsAhead(of: stream, after: position, bytes: bytes, now + 2_001))
    }

    @Test func `an event is made once for all, whatever follows it`() {
        let slice = StreamSlice(
            after: .start, last: StreamOffset(1), body: ByteBuffer(string: "x"), isAtTail: true, isClosed: false)
        var events = 0
        func encoded(_ ending: String) -> String {
            let bytes = slice.encoded(
                {
                    events += 1
                    return $0.body
                }, ending: { ByteBuffer(string: ending) }, key: ending)
            return String(buffer: bytes)
        }
        #expect(["a", "b", "a", "c"].map(encoded) == ["xa", "xb", "xa", "xc"] && events == 1)
    }
}
