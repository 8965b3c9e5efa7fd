import NIOCore
import Testing
import ThroughlineCore
import ThroughlineEngine
import ThroughlineTestKit

@Suite(.timeLimit(.minutes(5))) struct `Who watches` {
    private func bench(_ store: InMemoryLogStore, seed: UInt64 = 1) throws -> EngineBench {
        try EngineBench(store: store, seed: seed) { $0.presenceTick = .milliseconds(5) }
    }

    private func create(_ bench: EngineBench) async throws {
        let policies = SessionPolicies.Patch(orphan: .cancel(afterMilliseconds: 3_000))
        _ = try await bench.engine.perform(
            .create(title: nil, metadata: nil, policies: policies), on: bench.session, by: bench.ada)
    }

    private func reader(_ bench: EngineBench, role: Participant.Role = .user) async throws -> EventReader {
        let reader = EventReader(bench.engine, session: bench.session)
        _ = try await reader.attach(from: .tail, by: Participant(id: "someone", role: role))
        reader.arrive(watching: false)
        return reader
    }

    private func state(_ run: RunHandle, _ bench: EngineBench) async throws -> Run.State? {
        try await bench.engine.run(run.run, in: bench.session)?.state
    }

    @Test func `a run goes on while a person reads, and is cancelled some time after the last has gone`() async throws {
        let bench = try bench(InMemoryLogStore())
        try await create(bench)
        let people = [try await reader(bench), try await reader(bench, role: .operator)]
        let agent = try await reader(bench, role: .agent)
        let run = try await bench.start("r", milliseconds: 600_000)
        bench.environment.advance(milliseconds: 10_000)
        people[0].detach()
        bench.environment.advance(milliseconds: 10_000)
        try await Task.sleep(for: .milliseconds(30))
        #expect(try await state(run, bench) == .active)
        people[1].detach()
        bench.environment.advance(milliseconds: 2_900)
        try await Task.sleep(for: .milliseconds(30))
        #expect(try await state(run, bench) == .active)
        bench.environment.advance(milliseconds: 101)
        try await bench.eventually("the end") { try await state(run, bench) == .cancelled }
        agent.detach()
    }

    @Test func `who only says to be here is counted until that is over`() async throws {
        let bench = try bench(InMemoryLogStore())
        try await create(bench)
        let run = try await bench.start("r", milliseconds: 600_000)
        let said = Pending<Answer>()
        bench.engine.say(PresenceWord(viewing: "m"), in: bench.session, by: bench.ada) { said.set($0) }
        bench.environment.advance(milliseconds: 29_000)
        try await Task.sleep(for: .milliseconds(30))
        #expect(said.isDone)
        #expect(try await state(run, bench) == .active)
        bench.environment.advance(milliseconds: 1_001)
        try await Task.sleep(for: .milliseconds(30))
        bench.environment.advance(milliseconds: 3_001)
        try await bench.eventually("the end") { try await state(run, bench) == .cancelled }
    }

    @Test func `after a restart who was there is not, and a time that had begun goes on`() async throws {
        let store = InMemoryLogStore()
        let before = try bench(store)
        try await create(before)
        let run = try await before.start("r", milliseconds: 600_000)
        let left = try await reader(before)
        before.environment.advance(milliseconds: 10_000)
        try await Task.sleep(for: .milliseconds(30))
        #expect(try await state(run, before) == .active)
        before.engine.stopTaking()
        left.detach()
        // Time begins anew in each bench; from the start of this one on nobody watches.
        let between = try bench(store, seed: 2)
        #expect(try await state(run, between) == .active)
        between.environment.advance(milliseconds: 2_000)
        between.engine.stopTaking()
        let bench = try bench(store, seed: 3)
        bench.environment.advance(milliseconds: 2_900)
        try await Task.sleep(for: .milliseconds(30))
        #expect(try await state(run, bench) == .active)
        bench.environment.advance(milliseconds: 101)
        try await bench.eventually("the end") { try await state(run, bench) == .cancelled }
        #expect(try await bench.history().contains("command.requested"))
    }
}
