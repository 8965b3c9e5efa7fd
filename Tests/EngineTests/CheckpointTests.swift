import NIOCore
import Synchronization
import Testing
import ThroughlineCore
import ThroughlineTestKit

@testable import ThroughlineEngine

@Suite(.timeLimit(.minutes(5))) struct `Sessions and their checkpoints` {
    private func counter(_ name: String, _ bench: EngineBench) -> Int {
        bench.engine.metrics.all.first { $0.name == name }?.value ?? -1
    }

    /// Sends the session out of memory.
    private func release(_ bench: EngineBench) async throws {
        bench.environment.advance(milliseconds: 1_000)
        try await bench.eventually("the release") {
            bench.engine.releaseIdle()
            return counter("throughline_sessions_in_memory", bench) == 0
        }
    }

    private func write(_ bench: EngineBench, _ run: RunHandle, _ events: [AgentEvent], _ number: UInt64) async throws {
        let write = Operation.write(
            .init(run: run.run, token: run.token, number: number, events: events))
        _ = try await bench.engine.perform(write, on: bench.session, by: bench.ada)
    }

    /// A session with a text of so many appends.
    private func fill(_ bench: EngineBench, appends: Int) async throws -> RunHandle {
        try await bench.create()
        let run = try await bench.start("r")
        try await write(
            bench, run,
            [
                .messageStarted(id: MessageID("m")!),
                .partStarted(id: PartID("p")!, message: MessageID("m")!, head: PartHead(kind: .text)),
            ], 1)
        for number in 0..<appends {
            try await write(
                bench, run, [.partAppended(id: PartID("p")!, offset: number * 4, text: Array("tok ".utf8))],
                UInt64(number) + 2)
        }
        return run
    }

    @Test func `a session that leaves memory comes back from its checkpoint, the same and with its private facts`()
        async throws
    {
        let store = CountingStore()
        let bench = try EngineBench(store: store) { $0.idleMilliseconds = 100 }
        let run = try await fill(bench, appends: 400)
        _ = try await bench.engine.perform(
            .endRun(.init(run: run.run, token: run.token, reason: .completed)), on: bench.session, by: bench.ada)
        let before = try await bench.snapshot()
        try await release(bench)
        try await bench.eventually("the checkpoint") { store.checkpoint(of: StreamID(bench.session)) != nil }
        store.records.store(0, ordering: .relaxed)
        #expect(try await bench.snapshot() == before)
        #expect(store.records.load(ordering: .relaxed) < 5, "the history was replayed")
        // A retry of the last write is known; so is who may write.
        try await write(bench, run, [], 401)
        await #expect(throws: Refusal.self) { try await write(bench, run, [], 403) }
        #expect(try await bench.history().count == 407)
    }

    @Test func `a session in use gets checkpoints, and an engine that starts anew reads from the last`()
        async throws
    {
        let store = CountingStore()
        let bench = try EngineBench(store: store)
        let run = try await fill(bench, appends: 1_400)
        try await bench.eventually("the checkpoint") { store.checkpoint(of: StreamID(bench.session)) != nil }
        let before = try await bench.snapshot()
        store.records.store(0, ordering: .relaxed)
        let second = try EngineBench(store: store)
        #expect(try await second.snapshot() == before)
        #expect((100..<1_000).contains(store.records.load(ordering: .relaxed)))
        try await write(
            second, run, [.partAppended(id: PartID("p")!, offset: 5_600, text: Array("more".utf8))], 1_402)
        #expect(try await second.history().last == "part.appended")
    }

    @Test func `a session whose turn did not come while it was written gets its checkpoint afterwards`() async throws {
        let store = CountingStore()
        let bench = try EngineBench(store: store) { $0.tidyTick = .hours(1) }
        bench.engine.nextCheckpoint.store(.max, ordering: .relaxed)
        _ = try await fill(bench, appends: 1_100)
        #expect(store.checkpoint(of: StreamID(bench.session)) == nil)
        bench.engine.checkpointLate()
        try await bench.eventually("the checkpoint") {
            store.checkpoint(of: StreamID(bench.session))?.sequence == SequenceNumber(1_104)
        }
    }

    @Test(arguments: [[], Array("TLCP nonsense".utf8)])
    func `a checkpoint that cannot be used is not`(_ bytes: [UInt8]) async throws {
        let store = CountingStore()
        let bench = try EngineBench(store: store)
        _ = try await fill(bench, appends: 300)
        let before = try await bench.snapshot()
        store.saveCheckpoint(Checkpoint(sequence: SequenceNumber(200), bytes: bytes), of: StreamID(bench.session))
        let second = try EngineBench(store: store)
        #expect(try await second.snapshot() == before)
        #expect(store.records.load(ordering: .relaxed) >= 300)
    }
}

/// A store in memory that counts the records it gives out.
private final class CountingStore: LogStore {
    let records = Atomic(0)
    private let inner = InMemoryLogStore()

    func onCommit(_ handler: @escaping @Sendable () -> Void) { inner.onCommit(handler) }
    func append(_ append: LogAppend, completion: @escaping LogCompletion) {
        inner.append(append, completion: completion)
    }
    func read(_ stream: StreamID, after: SequenceNumber, limit: ReadLimit) throws(StoreError) -> [LogRecord] {
        let page = try inner.read(stream, after: after, limit: limit)
        records.wrappingAdd(page.count, ordering: .relaxed)
        return page
    }
    func status(of stream: StreamID) -> StreamStatus { inner.status(of: stream) }
    func forEachStream(_ body: (StreamID, SequenceNumber, [UInt8]) -> Void) throws(StoreError) {
        try inner.forEachStream(body)
    }
    func saveCheckpoint(_ checkpoint: Checkpoint, of stream: StreamID) { inner.saveCheckpoint(checkpoint, of: stream) }
    var takesCheckpoints: Bool { inner.takesCheckpoints }
    func checkpoint(of stream: StreamID) -> Checkpoint? { inner.checkpoint(of: stream) }
    func erase(_ stream: StreamID, completion: @escaping LogCompletion) { inner.erase(stream, completion: completion) }
    func trim(_ stream: StreamID, upTo last: SequenceNumber) { inner.trim(stream, upTo: last) }
    func thin(_ stream: StreamID, removing events: [SequenceNumber], completion: @escaping LogCompletion) {
        inner.thin(stream, removing: events, completion: completion)
    }

    func thinnable(_ stream: StreamID) -> SequenceNumber { inner.thinnable(stream) }

    func close() { inner.close() }
}
