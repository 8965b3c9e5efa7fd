import NIOCore
import Testing
import ThroughlineCore
import ThroughlineEngine
import ThroughlineTestKit

@Suite(.timeLimit(.minutes(5))) struct `Leases and commands` {
    @Test func `a silent agent's run is lost when its lease is over, and not before`() async throws {
        let bench = try EngineBench(store: InMemoryLogStore())
        try await bench.create()
        let run = try await bench.start("r", milliseconds: 2_000)
        for _ in 0..<5 {
            bench.environment.advance(milliseconds: 1_500)
            try await bench.engine.renew(run)
        }
        try await Task.sleep(for: .milliseconds(30))
        #expect(try await bench.engine.run(run.run, in: bench.session)?.state == .active)
        bench.environment.advance(milliseconds: 2_001)
        try await bench.eventually("the loss") {
            try await bench.engine.run(run.run, in: bench.session)?.state == .lost
        }
        await #expect(throws: Refusal.self) { try await bench.engine.write([], to: run) }
    }

    @Test func `after a restart every lease runs anew in full`() async throws {
        let store = InMemoryLogStore()
        let before = try EngineBench(store: store)
        try await before.create()
        let run = try await before.start("r", milliseconds: 2_000)
        before.engine.stopTaking()
        let bench = try EngineBench(store: store, seed: 2)
        bench.environment.advance(milliseconds: 1_900)
        try await Task.sleep(for: .milliseconds(30))
        try await bench.engine.write([.messageStarted(id: MessageID("m")!)], to: run)
        bench.environment.advance(milliseconds: 2_001)
        try await bench.eventually("the loss") {
            try await bench.engine.run(run.run, in: bench.session)?.state == .lost
        }
    }

    @Test func `a command is applied when its holder was told`() async throws {
        let bench = try EngineBench(store: InMemoryLogStore())
        try await bench.create()
        let told = Pending<RunID>()
        let holder = HolderConnection(mailbox: Mailbox(loop: nil)) { _, run, word in
            if case .stop(let refusal) = word, refusal.code == .runCancelled { told.set(.success(run)) }
        }
        let run = try await bench.start("r")
        let beat = Pending<Answer>()
        bench.engine.perform(
            .heartbeat(run: run.run, token: run.token), on: bench.session, by: bench.ada, holder: holder
        ) { beat.set($0) }
        _ = try await bench.cancelAll("c")
        try await bench.eventually("the word to the holder") { told.isDone }
        try await bench.eventually("the end of the command") { try await bench.history().last == "command.applied" }
    }

    @Test func `a command is applied when the lease of a holder nobody can reach is over`() async throws {
        let store = InMemoryLogStore()
        let before = try EngineBench(store: store)
        try await before.create()
        _ = try await before.start("r", milliseconds: 2_000)
        _ = try await before.cancelAll("c")
        before.engine.stopTaking()
        let bench = try EngineBench(store: store, seed: 2)
        _ = try await bench.snapshot()
        try await Task.sleep(for: .milliseconds(30))
        #expect(try await bench.history().last == "run.ended")
        bench.environment.advance(milliseconds: 2_001)
        try await bench.eventually("the end of the command") { try await bench.history().last == "command.applied" }
    }

    @Test func `work waits for an input, comes once, and the same id gives the same run`() async throws {
        let bench = try EngineBench(store: InMemoryLogStore())
        try await bench.create()
        let answers = (0..<3).map { _ in Pending<WorkAnswer?>() }
        for (index, answer) in answers.enumerated() {
            bench.engine.takeWork(
                WorkID("w\(index)")!, agent: AgentName("bot")!, wait: .seconds(30), leaseMilliseconds: 5_000,
                by: bench.ada
            ) { answer.set($0) }
        }
        _ = try await bench.input("i1")
        try await bench.eventually("a claim") { answers.contains { $0.isDone } }
        #expect(answers.filter(\.isDone).count == 1)
        let winner = try #require(answers.firstIndex { $0.isDone })
        let work = try #require(try answers[winner].result?.get())
        let again = Pending<WorkAnswer?>()
        bench.engine.takeWork(
            WorkID("w\(winner)")!, agent: AgentName("bot")!, wait: .seconds(30), leaseMilliseconds: 5_000, by: bench.ada
        ) { again.set($0) }
        try await bench.eventually("the same claim") { again.isDone }
        let same = try #require(try again.result?.get())
        #expect(same.run == work.run && same.token == work.token)
        bench.engine.dismissWaiters()
    }

    @Test func `a work id is its agent's, and another agent gets neither the run nor its token`() async throws {
        let bench = try EngineBench(store: InMemoryLogStore())
        try await bench.create()
        let ask = { (agent: String) in
            let answer = Pending<WorkAnswer?>()
            bench.engine.takeWork(
                WorkID("w")!, agent: AgentName(agent)!, wait: .seconds(30), leaseMilliseconds: 5_000, by: bench.ada
            ) { answer.set($0) }
            return answer
        }
        let first = ask("bot")
        #expect(ask("thief").code == .idTaken, "while the first one waits")
        _ = try await bench.input("i")
        try await bench.eventually("the claim") { first.isDone }
        #expect(try first.result?.get() != nil)
        let late = ask("thief")
        try await bench.eventually("the refusal") { late.isDone }
        #expect(late.code == .idTaken)
        let again = ask("bot")
        try await bench.eventually("the same claim") { again.isDone }
        #expect(try again.result?.get()?.token == first.result?.get()?.token)
    }

    @Test func `the id of a run gives its lease to nobody but who has it`() async throws {
        let bench = try EngineBench(store: InMemoryLogStore())
        try await bench.create()
        let run = try await bench.start("r")
        let start = Operation.StartRun(id: run.run, agent: AgentName("bot")!, leaseMilliseconds: 30_000)
        let again = try await bench.engine.perform(.startRun(start), on: bench.session, by: bench.ada)
        #expect(try JSONDocument.parse(again.body)["lease"]?["token"]?.string == run.token)
        for thief in [Participant(id: "bot", role: .agent), Participant(id: "ada", role: .user, key: "other")] {
            let answer = Pending<Answer>()
            bench.engine.perform(.startRun(start), on: bench.session, by: thief) { answer.set($0) }
            try await bench.eventually("the refusal") { answer.isDone }
            #expect(answer.code == .runExists)
        }
    }

    @Test func `an agent that went away is given nothing`() async throws {
        let bench = try EngineBench(store: InMemoryLogStore())
        try await bench.create()
        let gone = Pending<WorkAnswer?>()
        let leave = bench.engine.takeWork(
            WorkID("w")!, agent: AgentName("bot")!, wait: .seconds(30), leaseMilliseconds: 5_000, by: bench.ada
        ) { gone.set($0) }
        leave()
        _ = try await bench.input("i")
        #expect(try gone.result?.get() == nil)
        let work = try await bench.engine.takeWork(
            agent: AgentName("bot")!, work: WorkID("w2")!, wait: 5, leaseMilliseconds: 5_000)
        #expect(work?.input.id == InputID("i"))
    }

    @Test func `an input for one agent is not given to another`() async throws {
        let bench = try EngineBench(store: InMemoryLogStore())
        try await bench.create()
        _ = try await bench.input("i", agent: "other")
        let none = try await bench.engine.takeWork(
            agent: AgentName("bot")!, work: WorkID("w")!, wait: 0, leaseMilliseconds: 5_000)
        #expect(none == nil)
        let work = try await bench.engine.takeWork(
            agent: AgentName("other")!, work: WorkID("w2")!, wait: 5, leaseMilliseconds: 5_000)
        #expect(work?.input.id == InputID("i"))
    }

    /// A run of the input `i`, taken by `bot` with the lease of five seconds.
    private func take(_ work: String, _ bench: EngineBench, attempts: Int = 3) async throws -> WorkAnswer {
        let answer = Pending<WorkAnswer?>()
        bench.engine.takeWork(
            WorkID(work)!, agent: AgentName("bot")!, wait: .seconds(30), leaseMilliseconds: 5_000, attempts: attempts,
            by: bench.ada
        ) { answer.set($0) }
        try await bench.eventually("work for \(work)") { answer.isDone }
        return try #require(try answer.result?.get())
    }

    @Test func `a lost run with inputs goes to the next who asks, after its pause`() async throws {
        let bench = try EngineBench(store: InMemoryLogStore())
        try await bench.create()
        _ = try await bench.input("i")
        let first = try await take("w1", bench)
        bench.environment.advance(milliseconds: 5_001)
        try await bench.eventually("the loss") { try await bench.history().last == "run.queued" }
        let second = Pending<WorkAnswer?>()
        bench.engine.takeWork(
            WorkID("w2")!, agent: AgentName("bot")!, wait: .seconds(30), leaseMilliseconds: 5_000, by: bench.ada
        ) { second.set($0) }
        try await Task.sleep(for: .milliseconds(30))
        #expect(!second.isDone, "the pause is not over")
        bench.environment.advance(milliseconds: 1_001)
        try await bench.eventually("the second attempt") { second.isDone }
        let work = try #require(try second.result?.get())
        #expect(work.run == first.run && work.inputs.map(\.id) == first.inputs.map(\.id))
        #expect(work.epoch == 2 && work.token != first.token)
        let late = RunHandle(session: bench.session, run: first.run, token: first.token, leaseMilliseconds: 5_000)
        await #expect(throws: Refusal.self) { try await bench.engine.renew(late) }
        let held = RunHandle(session: bench.session, run: work.run, token: work.token, leaseMilliseconds: 5_000)
        try await bench.engine.end(held, reason: .completed)
        #expect(try await bench.history().suffix(2) == ["run.started", "run.ended"])
    }

    @Test func `a queued run survives a restart and is given out then`() async throws {
        let store = InMemoryLogStore()
        let before = try EngineBench(store: store)
        try await before.create()
        _ = try await before.input("i")
        let first = try await take("w1", before)
        before.environment.advance(milliseconds: 5_001)
        try await before.eventually("the loss") { try await before.history().last == "run.queued" }
        before.engine.stopTaking()
        let bench = try EngineBench(store: store, seed: 2)
        bench.environment.advance(milliseconds: 20_000)
        let second = try await take("w2", bench)
        #expect(second.run == first.run && second.epoch == 2)
    }

    @Test func `the same work id after the loss is asked anew`() async throws {
        let bench = try EngineBench(store: InMemoryLogStore())
        try await bench.create()
        _ = try await bench.input("i")
        let first = try await take("w", bench)
        bench.environment.advance(milliseconds: 5_001)
        try await bench.eventually("the loss") { try await bench.history().last == "run.queued" }
        bench.environment.advance(milliseconds: 1_001)
        let second = try await take("w", bench)
        #expect(second.run == first.run && second.token != first.token)
    }

    @Test func `with one attempt a lost run ends as lost`() async throws {
        let bench = try EngineBench(store: InMemoryLogStore())
        try await bench.create()
        _ = try await bench.input("i")
        _ = try await take("w", bench, attempts: 1)
        bench.environment.advance(milliseconds: 5_001)
        try await bench.eventually("the loss") { try await bench.history().last == "run.ended" }
    }

    @Test func `an observer may only read`() async throws {
        let bench = try EngineBench(store: InMemoryLogStore())
        try await bench.create()
        let watcher = Participant(id: "eve", role: .observer)
        let refused = Pending<Answer>()
        bench.engine.perform(
            .addInput(.init(id: nil, parts: [InputPart(text: "x")], agent: nil)), on: bench.session, by: watcher
        ) { refused.set($0) }
        #expect(refused.code == .notAllowed)
        #expect(
            try await bench.engine.readPage(of: bench.session, after: .zero, limit: 1, by: watcher).events.count == 1)
    }
}
