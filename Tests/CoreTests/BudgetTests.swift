import Testing
import ThroughlineCore

@Suite struct `Budgets of runs` {
    private func scene(_ budget: String = #"{"tokens":100,"seconds":60}"#) throws -> Scene {
        var scene = Scene()
        var request = RunRequest(id: RunID("r")!, agent: AgentName("bot")!, leaseMilliseconds: 30_000, token: "token-r")
        request.budget = RunBudget(try JSONDocument.parse(Array(budget.utf8)))
        _ = try scene.machine.startRun(request, by: .agent(request.agent), at: scene.at)
        _ = scene.take()
        return scene
    }

    private func usage(_ tokens: Int) -> [UInt8] { Array(#"{"tokens":\#(tokens)}"#.utf8) }

    @Test func `a usage is seen at once, and the write that goes beyond is the last`() throws {
        var scene = try scene()
        _ = try scene.write([.runUpdated(usage: usage(60))])
        _ = try scene.write([.runUpdated(usage: usage(60))])
        #expect(scene.take() == ["run.updated r"])
        #expect(scene.machine.run(RunID("r")!)?.usage == usage(60))
        let last = try scene.write([Scene.message("m"), .runUpdated(usage: usage(101))], number: 3)
        #expect(last.number == 3 && !last.isDuplicate)
        #expect(
            scene.take() == ["message.started m", "run.updated r", "message.ended m interrupted", "run.ended r failed"])
        let run = try #require(scene.machine.run(RunID("r")!))
        #expect(run.error?.code == "budget_exceeded" && run.usage == usage(101))
        #expect(try scene.write([], number: 3).isDuplicate)
        #expect(code { try scene.write([Scene.message("n")], number: 4) } == .budgetExceeded)
        #expect(scene.machine.nextWakeUp == nil)
    }

    @Test func `a refused write leaves the usage as it was`() throws {
        var scene = try scene()
        #expect(
            code { try scene.write([.runUpdated(usage: usage(101)), Scene.append("no", 0, "x")]) } == .partNotFound)
        #expect(scene.take() == [] && scene.machine.run(RunID("r")!)?.state == .active)
        #expect(scene.machine.run(RunID("r")!)?.usage == nil)
    }

    @Test func `a heartbeat that says the same again adds nothing, and one beyond is refused`() throws {
        var scene = try scene()
        for _ in 0..<2 { try scene.machine.spend(RunID("r")!, token: "token-r", usage: usage(100), at: scene.at) }
        #expect(scene.take() == ["run.updated r"])
        #expect(
            code { try scene.machine.spend(RunID("r")!, token: "token-r", usage: usage(101), at: scene.at) }
                == .budgetExceeded)
        #expect(scene.take() == ["run.updated r", "run.ended r failed"])
    }

    @Test func `an end without a usage keeps the last, and the seconds end a run that waits`() throws {
        var scene = try scene()
        _ = try scene.write([.runUpdated(usage: usage(7)), .runWaiting(reason: "rate limit")])
        let records = scene.records.count
        scene.now += 60_000
        scene.machine.wake(at: scene.at)
        #expect(scene.take().last == "run.ended r failed" && scene.records.count > records)
        #expect(scene.machine.run(RunID("r")!)?.usage == usage(7))
        let again = try #require(SessionMachine(replaying: scene.records))
        #expect(again.run(RunID("r")!)?.usage == usage(7))
        var other = try self.scene(#"{"cost":0.5}"#)
        _ = try other.write([.runUpdated(usage: usage(7))])
        _ = try other.end("r")
        #expect(other.machine.run(RunID("r")!)?.usage == usage(7))
    }
}
