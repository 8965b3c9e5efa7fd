import NIOCore
import Testing
import ThroughlineCore
import ThroughlineEngine
import ThroughlineTestKit

@Suite(.timeLimit(.minutes(5))) struct `Decide, make durable, show` {
    /// Begins an operation and gives the place where its answer will be.
    private func begin(_ bench: EngineBench, _ operation: Operation) -> Pending<Answer> {
        let pending = Pending<Answer>()
        bench.engine.perform(operation, on: bench.session, by: bench.ada) { pending.set($0) }
        return pending
    }

    private let input = Operation.addInput(.init(id: InputID("i")!, parts: [InputPart(text: "hi")], agent: nil))

    @Test func `no answer, duplicate, refusal or snapshot comes before all it rests on is durable`() async throws {
        let store = HeldStore()
        let bench = try EngineBench(store: store)
        let created = begin(bench, .create(title: nil, metadata: nil))
        let added = begin(bench, input)
        let duplicate = begin(bench, input)
        let refused = begin(bench, .withdrawInput(id: InputID("other")!))
        let snapshot = Pending<[UInt8]>()
        bench.engine.snapshot(of: bench.session, SnapshotPage(), by: bench.ada) { snapshot.set($0) }
        try await Task.sleep(for: .milliseconds(30))
        #expect(store.waiting == 2)
        #expect(!created.isDone && !added.isDone && !duplicate.isDone && !refused.isDone && !snapshot.isDone)
        #expect(
            try String(decoding: bench.engine.list(SessionQuery(), by: bench.ada), as: UTF8.self) == #"{"sessions":[]}"#
        )
        store.release()
        try await bench.eventually("the answers") {
            created.isDone && added.isDone && duplicate.isDone && refused.isDone && snapshot.isDone
        }
        #expect(try duplicate.result?.get().status == .ok)
        #expect(refused.code == .inputNotFound)
    }

    @Test func `readers see nothing that is not durable`() async throws {
        let store = HeldStore()
        let bench = try EngineBench(store: store)
        _ = begin(bench, .create(title: nil, metadata: nil))
        store.release()
        let reader = EventReader(bench.engine, session: bench.session)
        _ = try await reader.attach(from: .after(.zero), by: bench.ada)
        let first = try await reader.next(after: .zero, within: .seconds(1))
        #expect(first?.last == SequenceNumber(1))
        _ = begin(bench, input)
        #expect(try await reader.next(after: SequenceNumber(1), within: .milliseconds(50)) == nil)
        store.release()
        #expect(try await reader.next(after: SequenceNumber(1), within: .seconds(1))?.last == SequenceNumber(2))
        reader.detach()
    }

    @Test func `what was decided and did not become durable is dropped, with all that rested on it`() async throws {
        let store = HeldStore()
        let bench = try EngineBench(store: store)
        let created = begin(bench, .create(title: nil, metadata: nil))
        store.release()
        try await bench.eventually("the session") { created.isDone }
        let added = begin(bench, input)
        let duplicate = begin(bench, input)
        let other = begin(bench, .addInput(.init(id: InputID("j")!, parts: [InputPart(text: "ho")], agent: nil)))
        store.failFirst(.full("no room"))
        try await bench.eventually("the refusals") { added.isDone && duplicate.isDone && other.isDone }
        #expect(added.code == .storageFull && duplicate.code == .storageFull && other.code == .storageFull)
        store.open()
        #expect(try await bench.input("i").status == .created, "nothing of it was kept")
        #expect(try await bench.history() == ["session.created", "input.added"])
    }

    @Test func `a session whose creation failed never was`() async throws {
        let store = HeldStore()
        let bench = try EngineBench(store: store)
        let created = begin(bench, .create(title: nil, metadata: nil))
        store.failFirst(.full("no room"))
        try await bench.eventually("the refusal") { created.isDone }
        #expect(created.code == .storageFull)
        store.open()
        await #expect(throws: Refusal.self) { try await bench.input("i") }
        try await bench.create()
        #expect(try await bench.history() == ["session.created"])
    }

    @Test func `readers go on over a failed commit`() async throws {
        let store = HeldStore()
        let bench = try EngineBench(store: store)
        _ = begin(bench, .create(title: nil, metadata: nil))
        store.release()
        let reader = EventReader(bench.engine, session: bench.session)
        #expect(try await reader.attach(from: .tail, by: bench.ada).tail == SequenceNumber(1))
        _ = begin(bench, input)
        store.failFirst(.full("no room"))
        store.open()
        _ = try await bench.input("k")
        let slice = try await reader.next(after: SequenceNumber(1), within: .seconds(5))
        #expect(slice?.last == SequenceNumber(2))
        reader.detach()
    }

    @Test func `after a disk has failed nothing is answered from what can be read of it`() async throws {
        let store = HeldStore()
        let bench = try EngineBench(store: store)
        let created = begin(bench, .create(title: nil, metadata: nil))
        store.release()
        try await bench.eventually("the session") { created.isDone }
        let added = begin(bench, input)
        store.failFirst(.failed("EIO"))
        try await bench.eventually("the refusal") { added.isDone }
        #expect(added.code == .storageFailed)
        store.open()
        let later = [begin(bench, input), begin(bench, .withdrawInput(id: InputID("other")!))]
        let snapshot = Pending<[UInt8]>()
        bench.engine.snapshot(of: bench.session, SnapshotPage(), by: bench.ada) { snapshot.set($0) }
        try await bench.eventually("the refusals") { later.allSatisfy(\.isDone) && snapshot.isDone }
        #expect(later.map(\.code) == [.storageFailed, .storageFailed] && snapshot.code == .storageFailed)
        #expect(!bench.engine.isReady)
    }

    @Test func `a disk of which nothing is known any more stops the server`() async throws {
        let store = HeldStore()
        let bench = try EngineBench(store: store)
        let stopped = Pending<String>()
        bench.engine.onStoreFailure { stopped.set(.success($0)) }
        let created = begin(bench, .create(title: nil, metadata: nil))
        store.failFirst(.failed("EIO"))
        try await bench.eventually("the stop") { stopped.isDone && created.isDone }
        #expect(created.code == .storageFailed)
    }

    @Test func `two who erase the same session are both told when it is done`() async throws {
        let store = HeldStore()
        store.open()
        let bench = try EngineBench(store: store)
        try await bench.create()
        store.holdErasures()
        let erased = [Pending<Void>(), Pending<Void>()]
        for pending in erased { bench.engine.erase(bench.session, by: bench.ada) { pending.set($0) } }
        try await Task.sleep(for: .milliseconds(30))
        #expect(!erased[0].isDone && !erased[1].isDone)
        store.releaseErasures()
        try await bench.eventually("the answers") { erased[0].isDone && erased[1].isDone }
        for pending in erased { try pending.result?.get() }
    }

    @Test func `that a session is erased is said only once it is`() async throws {
        let store = HeldStore()
        store.open()
        let bench = try EngineBench(store: store)
        try await bench.create()
        store.holdErasures()
        let erased = Pending<Void>()
        bench.engine.erase(bench.session, by: bench.ada) { erased.set($0) }
        let refused = begin(bench, input)
        try await Task.sleep(for: .milliseconds(30))
        #expect(!erased.isDone && !refused.isDone)
        store.releaseErasures()
        try await bench.eventually("the answers") { erased.isDone && refused.isDone }
        #expect(refused.code == .sessionErased)
    }
}
