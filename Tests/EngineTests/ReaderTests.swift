import NIOCore
import Testing
import ThroughlineCore
import ThroughlineTestKit

@testable import ThroughlineEngine

@Suite(.timeLimit(.minutes(5))) struct `Readers` {
    /// What a reader has put together: the text of each part, by the rule that bytes already held are dropped.
    private struct State: Equatable {
        var next: UInt64
        var texts: [String: [UInt8]] = [:]

        init(snapshot: JSONValue) throws {
            next = UInt64(try #require(snapshot["seq"]?.integer)) + 1
            for part in snapshot["messages"]!.elements.flatMap({ $0["parts"]!.elements }) {
                texts[try #require(part["id"]?.string)] = part["text"]?.textBytes
            }
        }

        init() { next = 1 }

        mutating func take(_ delivery: Delivery) throws {
            let event = try JSONDocument.parse(delivery.bytes)
            let sequence = UInt64(try #require(event["seq"]?.integer))
            #expect(UInt64(event["from"]?.integer ?? Int64(sequence)) == next, "a gap, or twice")
            next = sequence + 1
            guard event["type"]?.string == "part.appended" else { return }
            let parts = try event["parts"]?.elements ?? [#require(event["part"])]
            for part in parts {
                let id = try #require(part["id"]?.string)
                let offset = Int(try #require(part["offset"]?.integer))
                let held = texts[id, default: []].count
                #expect(offset <= held)
                texts[id, default: []] += try #require(part["text"]?.textBytes).dropFirst(held - offset)
            }
        }
    }

    @Test(arguments: 0..<6)
    func `late, slow and returning readers end with the same state`(seed: Int) async throws {
        let bench = try EngineBench(store: InMemoryLogStore(), seed: UInt64(seed)) { configuration in
            configuration.windowBytes = 2_000
            configuration.sliceBytes = 1_500
            configuration.mergeAbove = 4
        }
        try await bench.create()
        let writers = 3
        let last = try await withThrowingTaskGroup(of: State.self) { group in
            for writer in 0..<writers {
                group.addTask {
                    try await Self.write(bench, writer: writer, seed: UInt64(seed * 10 + writer))
                    return State()
                }
            }
            for reader in 0..<8 {
                group.addTask { try await Self.read(bench, seed: UInt64(seed * 100 + reader), writers: writers) }
            }
            var states: [State] = []
            for try await state in group where state.next > 1 { states.append(state) }
            return states
        }
        #expect(last.count == 8)
        let whole = try State(snapshot: try JSONDocument.parse(try await bench.snapshot()))
        for state in last { #expect(state == whole, "seed \(seed)") }
    }

    private static func write(_ bench: EngineBench, writer: Int, seed: UInt64) async throws {
        var random = SeededRandom(seed: seed)
        let run = try await bench.start("r\(writer)")
        let part = PartID("p\(writer)")!
        try await bench.engine.write(
            [
                .messageStarted(id: MessageID("m\(writer)")!),
                .partStarted(id: part, message: MessageID("m\(writer)")!, head: PartHead(kind: .text)),
            ], to: run)
        var length = 0
        for _ in 0..<120 {
            let text = Array(random.text(upTo: 8).utf8)
            try await bench.engine.write([.partAppended(id: part, offset: length, text: text)], to: run)
            length += text.count
            if random.chance(10) { try await Task.sleep(for: .milliseconds(2)) }
        }
        try await bench.engine.end(run, reason: .completed)
    }

    /// Joins at random, goes away and comes back, until all runs have ended.
    private static func read(_ bench: EngineBench, seed: UInt64, writers: Int) async throws -> State {
        var random = SeededRandom(seed: seed)
        try await Task.sleep(for: .milliseconds(random.below(40)))
        var state = State()
        var isFresh = true
        while true {
            let reader = EventReader(bench.engine, session: bench.session)
            let start: ReadStart =
                isFresh && random.chance(2) ? .snapshot(SnapshotPage()) : .after(SequenceNumber(state.next - 1))
            let attachment = try await reader.attach(from: start, by: bench.ada)
            if let snapshot = attachment.snapshot { state = try State(snapshot: JSONDocument.parse(snapshot)) }
            isFresh = false
            var position = attachment.position
            for _ in 0...random.below(30) {
                guard let slice = try await reader.next(after: position, within: .milliseconds(20)) else { break }
                for delivery in slice.deliveries { try state.take(delivery) }
                position = slice.last
                if random.chance(4) { try await Task.sleep(for: .milliseconds(random.below(8))) }
            }
            reader.detach()
            let ended = try await bench.history().filter { $0 == "run.ended" }.count
            let page = try await bench.engine.readPage(of: bench.session, after: .zero, limit: 1, by: bench.ada)
            if ended == writers, page.tail.rawValue + 1 == state.next { return state }
        }
    }

    @Test func `a cursor past the end is refused, and an erased session ends its readers`() async throws {
        let bench = try EngineBench(store: InMemoryLogStore())
        try await bench.create()
        let reader = EventReader(bench.engine, session: bench.session)
        await #expect(throws: Refusal.self) { try await reader.attach(from: .after(SequenceNumber(9)), by: bench.ada) }
        _ = try await reader.attach(from: .tail, by: bench.ada)
        let erased = Pending<Void>()
        bench.engine.erase(bench.session, by: bench.ada) { erased.set($0) }
        do {
            _ = try await reader.next(after: SequenceNumber(1), within: .seconds(5))
            Issue.record("the reader went on")
        } catch {
            #expect(error.code == .sessionErased)
        }
        try await bench.eventually("the erasure") { erased.isDone }
        do {
            try await bench.create()
            Issue.record("the id was used again")
        } catch {
            #expect((error as? Refusal)?.code == .sessionErased)
        }
    }

    @Test func `an idle session leaves memory and comes back unchanged`() async throws {
        let bench = try EngineBench(store: InMemoryLogStore()) { $0.idleMilliseconds = 100 }
        try await bench.create()
        _ = try await bench.input("i")
        let before = try await bench.snapshot()
        bench.environment.advance(milliseconds: 1_000)
        bench.engine.releaseIdle()
        // The engine's own timer may be at it at the same moment.
        try await bench.eventually("the release") {
            bench.engine.metrics.all.first { $0.name == "throughline_sessions_in_memory" }?.value == 0
        }
        #expect(try await bench.snapshot() == before)
        #expect(try await bench.input("i").status == .ok)
    }

    @Test func `all readers at one place share one slice`() async throws {
        let bench = try EngineBench(store: InMemoryLogStore())
        try await bench.create()
        let readers = (0..<3).map { _ in EventReader(bench.engine, session: bench.session) }
        for reader in readers { _ = try await reader.attach(from: .tail, by: bench.ada) }
        _ = try await bench.input("i")
        var slices: Set<ObjectIdentifier> = []
        var kept: [EventSlice] = []
        for reader in readers {
            let slice = try #require(try await reader.next(after: SequenceNumber(1), within: .seconds(5)))
            kept.append(slice)
            slices.insert(ObjectIdentifier(slice))
        }
        #expect(slices.count == 1)
    }
}
