import Testing
import ThroughlineCore

@Suite struct `A run that loses its agent` {
    private let bot = AgentName("bot")!
    private let run = RunID("r")!

    /// A run with an input, three attempts and an open part, and its lease just over.
    private func lost() throws -> Scene {
        var scene = Scene()
        _ = try scene.input("i")
        _ = try scene.run("r", inputs: ["i"], attempts: 3)
        _ = try scene.write([Scene.message("m"), Scene.part("p", in: "m"), Scene.append("p", 0, "Hal")], number: 1)
        _ = scene.take()
        scene.machine.expireLease(of: run, at: scene.at)
        return scene
    }

    private func takeOn(_ scene: inout Scene, token: String) throws -> Bool {
        scene.machine.endPause(of: run)
        return try scene.run("r", inputs: ["i"], attempts: 3, token: token)
    }

    @Test func `is queued with what it left interrupted, and taken on as the same run with the next epoch`() throws {
        var scene = try lost()
        #expect(scene.take() == ["part.ended p interrupted", "message.ended m interrupted", "run.queued r 2"])
        #expect(scene.machine.run(run)?.state == .queued)
        #expect(scene.machine.input(InputID("i")!)?.state == .claimed, "the input stays with the run")
        #expect(scene.machine.queuedRun(for: bot) == nil, "its pause is not over")
        scene.machine.endPause(of: run)
        #expect(scene.machine.queuedRun(for: bot) == run)
        #expect(scene.machine.queuedRun(for: AgentName("other")!) == nil)
        #expect(try takeOn(&scene, token: "second"))
        #expect(scene.take() == ["run.started r i"])
        let lease = try #require(scene.machine.lease(of: run))
        #expect(lease.epoch == 2 && lease.token == "second")
        #expect(try scene.write([Scene.message("m2")], number: 1, token: "second").number == 1, "writes begin anew")
        _ = try scene.machine.endRun(run, token: "second", reason: .completed, by: .agent(bot), at: scene.at)
        #expect(scene.take().last == "run.ended r completed")
        #expect(scene.machine.input(InputID("i")!)?.state == .answered)
    }

    @Test func `is fenced off from who held it, for every operation`() throws {
        var scene = try lost()
        for isTaken in [false, true] {
            if isTaken { _ = try takeOn(&scene, token: "second") }
            _ = scene.take()
            #expect(code { try scene.write([Scene.append("p", 3, "lo")], number: 2) } == .runFenced)
            #expect(code { try scene.end("r") } == .runFenced)
            #expect(code { try scene.machine.renew(run, token: "token-r", at: scene.at) } == .runFenced)
            #expect(scene.machine.holder(ofActive: run, token: "token-r") == nil)
            #expect(scene.take() == [])
            #expect(try scene.write([], number: 1).isDuplicate, "what was taken is known as taken")
        }
    }

    @Test func `has its pause doubled with each attempt, and ends as lost after the last`() throws {
        var scene = try lost()
        #expect(scene.machine.queuedRunPauses.map(\.milliseconds) == [1_000])
        _ = try takeOn(&scene, token: "second")
        _ = scene.take()
        scene.machine.expireLease(of: run, at: scene.at)
        #expect(scene.take() == ["run.queued r 3"])
        #expect(scene.machine.queuedRunPauses.map(\.milliseconds) == [2_000])
        #expect(scene.machine.run(run)?.notBefore == Timestamp(milliseconds: scene.now + 2_000))
        _ = try takeOn(&scene, token: "third")
        _ = scene.take()
        scene.machine.expireLease(of: run, at: scene.at)
        #expect(scene.take() == ["run.ended r lost"])
        #expect(scene.machine.input(InputID("i")!)?.state == .unanswered)
    }

    @Test func `is lost at once where it has no inputs`() throws {
        var scene = Scene()
        _ = try scene.run("r", attempts: 3)
        _ = scene.take()
        scene.machine.expireLease(of: run, at: scene.at)
        #expect(scene.take() == ["run.ended r lost"])
    }

    @Test func `can be cancelled while it waits, which tells nobody since nobody holds it`() throws {
        var scene = try lost()
        _ = try scene.input("i2")
        #expect(scene.machine.claimableInput(for: bot) == nil, "the queue keeps its order meanwhile")
        _ = scene.take()
        _ = try scene.cancel("c", .input(InputID("i")!))
        #expect(
            scene.take() == ["command.requested c", "command.accepted c", "run.ended r cancelled", "command.applied c"])
        #expect(scene.machine.claimableInput(for: bot) == InputID("i2"))
        scene.machine.endPause(of: run)
        #expect(scene.machine.queuedRun(for: bot) == nil)
        #expect(code { try scene.write([], number: 2) } == .runFenced)
    }

    @Test func `is the same after replaying and from a checkpoint`() throws {
        var scene = try lost()
        _ = scene.take()
        let event = try #require(scene.records.last { $0.kind == .event })
        var read = try #require(SessionMachine(checkpoint: scene.machine.checkpoint(at: event), at: event))
        var replayed = try #require(SessionMachine(replaying: scene.records))
        #expect(try read.snapshot() == scene.machine.snapshot() && replayed.snapshot() == scene.machine.snapshot())
        for machine in [read, replayed] {
            scene.machine = machine
            _ = scene.machine.drain()
            #expect(try takeOn(&scene, token: "second"))
            #expect(try scene.write([], number: 1).isDuplicate)
        }
        read.endPause(of: run)
        replayed.endPause(of: run)
        #expect(read.queuedRun(for: bot) == run && replayed.queuedRun(for: bot) == run)
        #expect(read.summary.queuedRuns == 1 && SessionSummary(stored: Array("{}".utf8)) == nil)
    }

    @Test func `an event from before attempts were counted is one attempt of one`() throws {
        let stored =
            #"{"seq":1,"at":1,"type":"run.started","by":{"id":"bot","role":"agent"},"#
            + #""run":{"id":"r","agent":"bot","inputs":["i"],"epoch":1,"lease":{"milliseconds":30000}}}"#
        guard case .runStarted(let start)? = Event(stored: Array(stored.utf8))?.body else {
            Issue.record("it cannot be read")
            return
        }
        #expect(start.attempt == 1 && start.attempts == 1)
        #expect(Event(stored: Array(stored.utf8))?.encoded == Array(stored.utf8))
    }
}
