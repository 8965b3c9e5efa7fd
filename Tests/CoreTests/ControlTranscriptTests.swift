import Testing
import ThroughlineCore

@Suite struct `The tree of runs` {
    @Test func `a run under one that waits for its children ends before it, however deep`() throws {
        var scene = Scene()
        _ = try scene.run("top", waits: true)
        _ = try scene.run("middle", agent: "sub", parent: "top")
        _ = try scene.run("leaf", agent: "sub", parent: "middle")
        _ = scene.take()
        #expect(try scene.end("top"))
        #expect(scene.take() == ["run.waiting top children"])
        #expect(try !scene.end("top"), "a retry")
        #expect(code { try scene.run("late", parent: "top") } == .runEnded)
        #expect(code { try scene.write([Scene.message("m")], run: "top") } == .runEnded)
        _ = try scene.end("middle")
        #expect(scene.take() == ["run.ended middle completed"])
        _ = try scene.end("leaf", .failed)
        #expect(scene.take() == ["run.ended leaf failed", "run.ended top completed"])
    }

    @Test func `a run that does not say so waits for nobody, and its children go on`() throws {
        var scene = Scene()
        _ = try scene.run("top")
        _ = try scene.run("child", parent: "top")
        _ = scene.take()
        _ = try scene.end("top")
        #expect(scene.take() == ["run.ended top completed"])
        #expect(scene.machine.activeRunIDs == [RunID("child")!])
        _ = try scene.cancel("c", .run(RunID("top")!))
        #expect(scene.take().contains("run.ended child cancelled"))
    }

    @Test(arguments: [Command.Target.mine, .agent(AgentName("bot")!)])
    func `a cancel finds what goes on below a run that is over`(_ target: Command.Target) throws {
        var scene = Scene()
        _ = try scene.input("i")
        _ = try scene.run("top", inputs: ["i"])
        _ = try scene.run("child", agent: "sub", parent: "top")
        _ = try scene.run("leaf", agent: "sub", parent: "child")
        _ = try scene.run("other", agent: "sub")
        _ = try scene.end("top")
        _ = try scene.end("child")
        _ = scene.take()
        _ = try scene.cancel("bob", .mine, by: scene.bob)
        #expect(scene.take().last == "command.rejected bob nothing_active")
        _ = try scene.cancel("c", target)
        #expect(scene.take() == ["command.requested c", "command.accepted c", "run.ended leaf cancelled"])
        #expect(scene.machine.activeRunIDs == [RunID("other")!])
    }

    @Test func `an input that interrupts stops what goes on below a run that is over, and no other queue`() throws {
        var scene = Scene()
        _ = try scene.input("i")
        _ = try scene.input("aside", agent: "sub")
        _ = try scene.run("top", inputs: ["i"])
        _ = try scene.run("child", agent: "sub", parent: "top")
        _ = try scene.run("leaf", agent: "sub", parent: "child")
        _ = try scene.run("other", agent: "sub", inputs: ["aside"])
        _ = try scene.end("top")
        _ = scene.take()
        _ = try scene.input("now", followUp: .interrupt)
        let events = scene.take()
        #expect(
            events.filter { $0.hasPrefix("run.ended") } == ["run.ended child cancelled", "run.ended leaf cancelled"])
        #expect(events.filter { $0.hasPrefix("command.requested") }.count == 1, "one family, one stop")
        #expect(scene.machine.activeRunIDs == [RunID("other")!])
    }

    @Test func `a cancel ends one whose agent has left without anybody to be told`() throws {
        var scene = Scene()
        _ = try scene.run("top", waits: true)
        _ = try scene.run("child", parent: "top")
        _ = try scene.end("top")
        scene.machine.expireLease(of: RunID("top")!, at: scene.at)
        #expect(scene.machine.run(RunID("top")!)?.state == .waiting, "it needs no lease")
        _ = scene.take()
        _ = try scene.cancel("c", .run(RunID("top")!))
        #expect(
            scene.take() == [
                "command.requested c", "command.accepted c", "run.ended top cancelled", "run.ended child cancelled",
            ])
        #expect(scene.machine.untoldRuns == [RunID("child")!])
    }

    @Test func `label and progress replace those before, and the same again says nothing`() throws {
        var scene = Scene()
        _ = try scene.run("r")
        let half = Array(#"{"fraction":0.5}"#.utf8)
        _ = try scene.write([.runUpdated(label: "reading", progress: half)])
        #expect(scene.machine.run(RunID("r")!)?.label == "reading")
        _ = scene.take()
        _ = try scene.write([.runUpdated(label: "reading", progress: nil)])
        #expect(scene.take() == [])
        #expect(scene.machine.run(RunID("r")!)?.progress == half)
        #expect(code { try scene.write([.runUpdated(label: "x", progress: nil), Scene.append("no", 0, "x")]) } != nil)
        #expect(scene.machine.run(RunID("r")!)?.label == "reading", "a refused write is taken back whole")
    }

    @Test func `a stop can come before its input`() throws {
        var scene = Scene()
        #expect(try scene.cancel("c", .input(InputID("i")!)))
        #expect(try scene.cancel("c2", .input(InputID("i")!)))
        #expect(
            scene.take() == [
                "command.requested c", "command.accepted c", "command.requested c2", "command.accepted c2",
            ])
        _ = try scene.run("r", inputs: [])
        _ = try scene.input("other", followUp: .interrupt)
        #expect(try scene.input("i", followUp: .interrupt))
        #expect(
            scene.take().suffix(4) == [
                "input.added i before other", "input.withdrawn i", "command.applied c", "command.applied c2",
            ])
        #expect(scene.machine.claimableInputs(for: AgentName("bot")!) == [InputID("other")!])
    }

    @Test func `a stop of an input that never comes expires`() throws {
        var scene = Scene()
        _ = try scene.cancel("c", .input(InputID("i")!))
        _ = scene.take()
        scene.now += 600_000
        #expect(scene.machine.nextWakeUp == scene.at)
        scene.machine.wake(at: scene.at)
        #expect(scene.take() == ["command.expired c input_never_came"])
        #expect(try scene.input("i"))
        #expect(scene.machine.input(InputID("i")!)?.state == .queued)
    }
}

@Suite struct `What a new input does` {
    private func busy(_ policy: FollowUp) throws -> Scene {
        var scene = Scene()
        _ = try scene.input("first")
        _ = try scene.run("r", inputs: ["first"])
        scene.machine.update(
            title: nil, metadata: nil, policies: .init(followUp: policy), closing: false, by: scene.ada, at: scene.at)
        _ = scene.take()
        return scene
    }

    private let bot = AgentName("bot")!

    @Test func `merge: those that wait are answered together`() throws {
        var scene = try busy(.merge)
        for id in ["a", "b"] { _ = try scene.input(id) }
        _ = try scene.input("c", followUp: .queue)
        _ = try scene.input("d")
        #expect(scene.machine.claimableInputs(for: bot).isEmpty)
        _ = try scene.end("r")
        #expect(scene.machine.claimableInputs(for: bot).map(\.value) == ["a", "b"])
        _ = try scene.run("r2", inputs: ["a", "b"])
        _ = try scene.end("r2")
        #expect(scene.machine.claimableInputs(for: bot).map(\.value) == ["c", "d"])
    }

    @Test func `latest: the newest takes the place of those that wait in its queue`() throws {
        var scene = try busy(.latest)
        _ = try scene.input("a")
        _ = try scene.input("x", agent: "other")
        _ = try scene.input("b")
        #expect(scene.take() == ["input.added a", "input.added x", "input.added b", "input.withdrawn a superseded"])
    }

    @Test func `interrupt: the run is stopped in the same go, and the input is the next`() throws {
        var scene = try busy(.queue)
        _ = try scene.write([Scene.message("m")])
        _ = try scene.input("waits")
        _ = scene.take()
        _ = try scene.input("now", followUp: .interrupt)
        #expect(
            scene.take() == [
                "input.added now before waits", "command.requested follow-up-7", "command.accepted follow-up-7",
                "message.ended m cancelled", "run.ended r cancelled",
            ])
        #expect(scene.machine.claimableInput(for: bot) == InputID("now"))
        #expect(code { try scene.write([Scene.message("n")]) } == .runCancelled)
        #expect(scene.take() == ["command.applied follow-up-7"])
    }

    @Test func `steer: a run that takes it in answers it`() throws {
        var scene = try busy(.steer)
        _ = try scene.input("more")
        #expect(scene.take() == ["input.added more", "command.requested follow-up-6", "command.accepted follow-up-6"])
        #expect(scene.machine.input(InputID("more")!)?.state == .steering)
        _ = try scene.carryOut("follow-up-6")
        #expect(scene.machine.input(InputID("more")!)?.state == .claimed)
        _ = try scene.end("r")
        #expect(scene.machine.input(InputID("more")!)?.state == .answered)
    }

    @Test func `steer: a run that ends without it leaves it to the queue`() throws {
        var scene = try busy(.steer)
        _ = try scene.input("more")
        _ = scene.take()
        _ = try scene.end("r")
        #expect(scene.take() == ["command.expired follow-up-6 run_ended", "run.ended r completed"])
        #expect(scene.machine.claimableInput(for: bot) == InputID("more"))
    }

    @Test func `steer: where no run is active, or none that understands it, it is an input like any other`() throws {
        var scene = Scene()
        _ = try scene.input("a", followUp: .steer)
        #expect(scene.machine.input(InputID("a")!)?.state == .queued)
        _ = try scene.run("r", inputs: ["a"], accepts: [])
        _ = try scene.input("b", followUp: .steer)
        #expect(scene.machine.input(InputID("b")!)?.state == .queued)
    }

    @Test func `steer: it can be withdrawn before it was taken in`() throws {
        var scene = try busy(.steer)
        _ = try scene.input("more")
        _ = scene.take()
        try scene.machine.withdrawInput(InputID("more")!, by: scene.ada, at: scene.at)
        #expect(scene.take() == ["command.expired follow-up-6 input_withdrawn", "input.withdrawn more"])
        #expect(code { try scene.carryOut("follow-up-6") } == .commandEnded)
    }

    @Test func `reject: refused while a run is active, and by the name of that run`() throws {
        var scene = try busy(.reject)
        do {
            _ = try scene.input("a")
            Issue.record("it was taken")
        } catch {
            let refusal = try #require(error as? Refusal)
            #expect(refusal.code == .runActive && refusal.members == ["run": Array(#""r""#.utf8)])
        }
        #expect(try scene.input("x", agent: "other"), "another queue")
        _ = try scene.end("r")
        #expect(try scene.input("a"))
    }

    @Test func `concurrent: handed out at once, and before those that wait`() throws {
        var scene = try busy(.queue)
        _ = try scene.input("waits")
        _ = try scene.input("now", followUp: .concurrent)
        #expect(scene.machine.claimableInputs(for: bot) == [InputID("now")!])
        #expect(scene.machine.claimableQueues.map(\.agent) == [nil])
        _ = try scene.run("r2", inputs: ["now"])
        #expect(scene.machine.claimableInput(for: bot) == nil)
    }

    @Test func `the queue can be put into another order`() throws {
        var scene = try busy(.queue)
        for id in ["a", "b", "c"] { _ = try scene.input(id) }
        _ = scene.take()
        try scene.machine.updateInput(
            InputID("c")!, parts: nil, place: .before(InputID("a")!), by: scene.bob, at: scene.at)
        try scene.machine.updateInput(InputID("a")!, parts: nil, place: .last, by: scene.bob, at: scene.at)
        try scene.machine.updateInput(InputID("a")!, parts: nil, place: .last, by: scene.bob, at: scene.at)
        #expect(scene.take() == ["input.updated c", "input.updated a"])
        #expect(String(decoding: try scene.machine.snapshot(), as: UTF8.self).contains(#""queue":["c","b","a"]"#))
        #expect(
            code {
                try scene.machine.updateInput(
                    InputID("a")!, parts: nil, place: .before(InputID("first")!), by: scene.ada, at: scene.at)
            } == .inputNotQueued)
    }
}

@Suite struct `Commands to a run that goes on` {
    private func running(accepts: [Command.Verb]? = nil) throws -> Scene {
        var scene = Scene()
        _ = try scene.input("i")
        _ = try scene.run("r", inputs: ["i"], accepts: accepts)
        _ = try scene.write([Scene.message("m"), Scene.part("p", in: "m"), Scene.append("p", 0, "Hi")])
        _ = scene.take()
        return scene
    }

    private let run = Command.Target.run(RunID("r")!)

    @Test func `a steer is accepted, and applied when its agent says so`() throws {
        var scene = try running()
        #expect(try scene.order("c", .steer, run))
        #expect(try !scene.order("c", .steer, run))
        #expect(scene.take() == ["command.requested c", "command.accepted c"])
        #expect(scene.machine.pendingCommands(of: RunID("r")!).map(\.id.value) == ["c"])
        _ = try scene.write([.commandDeferred(id: CommandID("c")!)])
        #expect(scene.machine.command(CommandID("c")!)?.state == .accepted)
        _ = try scene.write([Scene.append("p", 2, "!"), .commandApplied(id: CommandID("c")!)])
        #expect(scene.take() == ["command.deferred c", "part.appended p 2 !", "command.applied c"])
        #expect(scene.machine.command(CommandID("c")!)?.outcome == "consumed")
        #expect(scene.machine.nextWakeUp == nil)
        #expect(code { try scene.carryOut("c") } == .commandEnded)
        #expect(code { try scene.carryOut("nobody") } == .commandNotFound)
    }

    @Test func `a steer that comes too late becomes an input if its sender said so`() throws {
        var scene = try running()
        _ = try scene.order("waits", .steer, run, becomesInput: true)
        _ = try scene.order("dropped", .steer, run)
        _ = scene.take()
        _ = try scene.end("r")
        #expect(
            scene.take() == [
                "command.expired waits run_ended", "input.added waits", "command.expired dropped run_ended",
                "part.ended p complete", "message.ended m complete", "run.ended r completed",
            ])
        _ = try scene.order("late", .steer, run, becomesInput: true)
        #expect(scene.take() == ["command.requested late", "command.rejected late run_ended", "input.added late"])
        #expect(scene.machine.input(InputID("late")!)?.command == CommandID("late"))
        #expect(scene.machine.input(InputID("late")!)?.by == scene.ada)
    }

    @Test func `a stop of everything leaves no steer to become an input`() throws {
        var scene = try running()
        _ = try scene.order("s", .steer, run, becomesInput: true)
        _ = try scene.input("more", followUp: .steer)
        _ = scene.take()
        _ = try scene.cancel("c", .all)
        let events = scene.take()
        #expect(events.contains("command.expired s cancelled") && events.contains("input.withdrawn more"))
        #expect(!events.contains { $0.hasPrefix("input.added") })
        #expect(scene.machine.claimableInput(for: AgentName("bot")!) == nil)
    }

    @Test func `an interrupt ends what is being said, and the run goes on`() throws {
        var scene = try running()
        _ = try scene.order("c", .interrupt, run)
        #expect(
            scene.take() == [
                "command.requested c", "command.accepted c", "part.ended p interrupted", "message.ended m interrupted",
            ])
        #expect(code { try scene.write([Scene.append("p", 2, "late")]) } == .partEnded)
        _ = try scene.write([.commandApplied(id: CommandID("c")!), Scene.message("n")])
        #expect(scene.take() == ["command.applied c", "message.started n"])
    }

    @Test func `a paused run writes nothing and holds its queue until it is resumed`() throws {
        var scene = try running()
        _ = try scene.order("c", .pause, run)
        _ = try scene.input("now", followUp: .concurrent)
        #expect(scene.machine.claimableInput(for: AgentName("bot")!) == nil)
        _ = try scene.write([Scene.append("p", 2, "!")])
        #expect(
            code { try scene.write([.commandApplied(id: CommandID("c")!), Scene.append("p", 3, "?")]) } == .runPaused)
        #expect(scene.machine.run(RunID("r")!)?.state == .active, "refused as a whole")
        _ = scene.take()
        _ = try scene.carryOut("c")
        #expect(scene.take() == ["command.applied c", "run.waiting r paused"])
        #expect(code { try scene.write([Scene.append("p", 3, "?")]) } == .runPaused)
        _ = try scene.order("again", .pause, run)
        #expect(scene.take().last == "command.rejected again run_paused")
        _ = try scene.order("go", .resume, run)
        _ = try scene.write([.commandApplied(id: CommandID("go")!), Scene.append("p", 3, "?")])
        #expect(
            scene.take() == [
                "command.requested go", "command.accepted go", "command.applied go", "run.resumed r",
                "part.appended p 3 ?",
            ])
        #expect(scene.machine.claimableInput(for: AgentName("bot")!) == InputID("now"))
    }

    @Test func `a command is repeated only by who gave it and with the same order`() throws {
        var scene = try running()
        let olga = Participant(id: "olga", role: .operator)
        let names = MessageNames(message: MessageID("n")!, parts: [])
        _ = try scene.order("c", .steer, run, becomesInput: true)
        _ = try scene.machine.takeBaton(CommandID("b")!, by: olga, at: scene.at)
        _ = scene.take()
        scene.machine = try #require(SessionMachine(replaying: scene.records))
        #expect(try !scene.order("c", .steer, run, becomesInput: true))
        #expect(try !scene.machine.takeBaton(CommandID("b")!, by: olga, at: scene.at))
        for other in [scene.bob, Participant(id: scene.ada.id, role: .operator)] {
            #expect(code { try scene.order("c", .steer, run, becomesInput: true, by: other) } == .idTaken)
        }
        #expect(code { try scene.order("c", .steer, run) } == .idTaken)
        #expect(code { try scene.order("c", .steer, .all, becomesInput: true) } == .idTaken)
        #expect(code { try scene.cancel("c", run) } == .idTaken)
        #expect(code { try scene.cancel("b", .all, by: olga) } == .idTaken)
        #expect(code { try scene.machine.takeBaton(CommandID("c")!, by: scene.ada, at: scene.at) } == .idTaken)
        #expect(code { try scene.machine.takeBaton(CommandID("b")!, by: scene.ada, at: scene.at) } == .idTaken)
        #expect(
            code { try scene.machine.returnBaton(CommandID("b")!, note: [], as: names, by: olga, at: scene.at) }
                == .idTaken)
        #expect(scene.take() == [])
    }

    @Test func `a pause after a resume that was not carried out yet holds, and can be taken back again`() throws {
        var scene = try running()
        _ = try scene.order("p", .pause, run)
        _ = try scene.carryOut("p")
        _ = try scene.order("go", .resume, run)
        _ = try scene.order("go-again", .resume, run)
        #expect(scene.take().last == "command.rejected go-again run_resuming")
        _ = try scene.order("hold", .pause, run)
        #expect(scene.take() == ["command.requested hold", "command.accepted hold"])
        _ = try scene.order("hold-again", .pause, run)
        #expect(scene.take().last == "command.rejected hold-again run_paused")
        var other = scene
        _ = try scene.write([.commandApplied(id: CommandID("go")!), .commandApplied(id: CommandID("hold")!)])
        #expect(
            scene.take() == ["command.applied go", "run.resumed r", "command.applied hold", "run.waiting r paused"])
        _ = try other.order("on", .resume, run)
        #expect(other.take() == ["command.requested on", "command.accepted on", "command.expired hold resumed"])
        _ = try other.write([.commandApplied(id: CommandID("go")!), .commandApplied(id: CommandID("on")!)])
        #expect(other.take() == ["command.applied go", "run.resumed r", "command.applied on"])
        #expect(other.machine.run(RunID("r")!)?.state == .active)
    }

    @Test func `a pause that is taken back before it was carried out expires`() throws {
        var scene = try running()
        _ = try scene.order("p", .pause, run)
        _ = try scene.order("go", .resume, run)
        #expect(scene.take().suffix(3) == ["command.accepted go", "command.expired p resumed", "command.applied go"])
        _ = try scene.order("go2", .resume, run)
        #expect(scene.take().last == "command.rejected go2 run_not_paused")
    }

    @Test func `what the agent does not understand is rejected at once`() throws {
        var scene = try running(accepts: [.steer])
        for (id, verb) in [("a", Command.Verb.pause), ("b", .interrupt)] {
            _ = try scene.order(id, verb, run)
            #expect(scene.take().last == "command.rejected \(id) not_supported")
        }
        _ = try scene.order("c", .steer, run)
        #expect(scene.take().last == "command.accepted c")
    }

    @Test func `a command that nobody carries out expires, and a deferred one has its time again`() throws {
        var scene = try running()
        _ = try scene.order("a", .steer, run, becomesInput: true)
        _ = try scene.order("b", .steer, run)
        scene.now += 200_000
        _ = try scene.write([.commandDeferred(id: CommandID("b")!)])
        _ = scene.take()
        scene.now += 100_000
        scene.machine.wake(at: scene.at)
        #expect(scene.take() == ["command.expired a timeout", "input.added a"])
        scene.now += 199_999
        scene.machine.wake(at: scene.at)
        #expect(scene.take() == [])
        scene.now += 1
        scene.machine.wake(at: scene.at)
        #expect(scene.take() == ["command.expired b timeout"])
    }

    @Test func `where several runs may be meant, one has to be named`() throws {
        var scene = try running()
        _ = try scene.order("one", .steer, .all)
        #expect(scene.machine.command(CommandID("one")!)?.run == RunID("r"))
        _ = try scene.run("child", agent: "sub", parent: "r")
        _ = try scene.order("two", .steer, .all)
        #expect(scene.machine.command(CommandID("two")!)?.state == .accepted, "the runs below are not meant")
        _ = try scene.run("other")
        _ = try scene.order("three", .steer, .all)
        #expect(scene.take().last == "command.rejected three several_active")
        _ = try scene.order("four", .steer, .agent(AgentName("sub")!))
        #expect(scene.machine.command(CommandID("four")!)?.run == RunID("child"))
    }
}
