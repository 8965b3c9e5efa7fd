import Testing
import ThroughlineCore

@Suite struct `The baton` {
    private let olga = Participant(id: "olga", role: .operator)
    private let otto = Participant(id: "otto", role: .operator)

    private func names(_ id: String) -> MessageNames {
        MessageNames(message: MessageID(id)!, parts: [PartID("\(id).0")!])
    }

    private func scene() throws -> Scene {
        var scene = Scene()
        _ = try scene.input("i1")
        _ = try scene.run("r", inputs: ["i1"])
        _ = try scene.write([Scene.message("m"), Scene.part("p", in: "m"), Scene.append("p", 0, "Your order is lo")])
        _ = scene.take()
        return scene
    }

    @Test func `while an operator holds it, agents' output is refused and inputs wait`() throws {
        var scene = try scene()
        _ = try scene.machine.takeBaton(CommandID("t")!, by: olga, at: scene.at)
        #expect(
            scene.take() == [
                "command.requested t", "command.accepted t", "baton.taken", "part.ended p interrupted",
                "message.ended m interrupted", "command.applied t",
            ])
        #expect(code { try scene.write([Scene.message("n")], number: 2) } == .batonHeld)
        #expect(code { try scene.run("r2") } == .batonHeld)
        #expect(code { try scene.machine.renew(RunID("r")!, token: "token-r", at: scene.at) } == nil)
        _ = try scene.input("i2")
        #expect(scene.machine.summary.claimable.isEmpty)
        _ = try scene.machine.returnBaton(
            CommandID("h")!, note: [InputPart(text: "done")], as: names("note"), by: olga, at: scene.at)
        #expect(
            scene.take() == [
                "input.added i2", "command.requested h", "command.accepted h", "message.started note",
                "part.started note.0", "part.appended note.0 0 done",
                "part.ended note.0 complete", "message.ended note complete", "baton.returned handed_back",
                "command.applied h",
            ])
        #expect(scene.machine.message(MessageID("note")!)?.audience == .agents)
        // What the note says is for agents, so the command does not say it.
        #expect(scene.machine.command(CommandID("h")!)?.order == CommandOrder(verb: .handback, target: .all))
        // The number of the refused write was not used up; what was interrupted takes no more.
        #expect(try scene.write([Scene.message("n")], number: 2).number == 2)
        #expect(code { try scene.write([Scene.append("p", 16, "st")], number: 3) } == .partEnded)
        _ = try scene.end("r")
        #expect(scene.machine.summary.claimable.count == 1)
    }

    @Test func `the fast way of an append is fenced as well`() throws {
        var scene = try scene()
        let holder = try #require(scene.machine.holder(ofActive: RunID("r")!, token: "token-r"))
        _ = try scene.machine.takeBaton(CommandID("t")!, by: olga, at: scene.at)
        var frame = AppendFrame()
        var cursor = SessionMachine.PartCursor()
        let bytes = Array(
            #"{"op":"write","session":"s","run":"r","lease":"token-r","seq":2,"events":[{"type":"part.appended","part":{"id":"p","offset":16,"text":"st"}}]}"#
                .utf8)
        bytes.withUnsafeBufferPointer { buffer in
            let isRead = frame.scan(buffer)
            let isTaken = scene.machine.append(frame, in: buffer, by: holder, cursor: &cursor, at: scene.at)
            #expect(isRead && !isTaken)
        }
    }

    @Test func `one operator has it, any may give it back, and a retry of either changes nothing`() throws {
        var scene = try scene()
        _ = try scene.machine.takeBaton(CommandID("t")!, by: olga, at: scene.at)
        _ = scene.take()
        _ = try scene.machine.takeBaton(CommandID("u")!, by: otto, at: scene.at)
        #expect(scene.take() == ["command.requested u", "command.rejected u baton_held"])
        let give: (inout Scene, String) throws -> Void = { scene, id in
            _ = try scene.machine.returnBaton(
                CommandID(id)!, note: [], as: MessageNames(message: MessageID("x")!, parts: []), by: otto, at: scene.at)
        }
        try give(&scene, "h")
        _ = scene.take()
        try give(&scene, "h")
        _ = try scene.machine.takeBaton(CommandID("t")!, by: olga, at: scene.at)
        #expect(scene.take() == [] && scene.machine.baton == nil)
        try give(&scene, "other")
        #expect(scene.take() == ["command.requested other", "command.rejected other baton_not_held"])
        _ = try scene.machine.takeBaton(CommandID("u")!, by: otto, at: scene.at)
        #expect(scene.take() == [] && scene.machine.command(CommandID("u")!)?.state == .rejected)
        scene.machine.update(title: nil, metadata: nil, closing: true, by: olga, at: scene.at)
        _ = try scene.machine.takeBaton(CommandID("v")!, by: olga, at: scene.at)
        #expect(scene.machine.command(CommandID("v")!)?.reason == "session_closed")
    }

    @Test func `it goes back when its holder says nothing, and stays while they do`() throws {
        var scene = try scene()
        _ = try scene.machine.takeBaton(CommandID("t")!, by: olga, at: scene.at)
        scene.now += 800_000
        _ = try scene.machine.say(
            [InputPart(text: "hm")], as: names("s"), audience: .everyone, parent: nil, answers: [], by: olga,
            at: scene.at)
        _ = scene.take()
        scene.now += 800_000
        scene.machine.wake(at: scene.at)
        #expect(scene.take() == [] && scene.machine.baton != nil)
        scene.now += 100_000
        scene.machine.wake(at: scene.at)
        #expect(scene.take() == ["baton.returned timed_out"])
        #expect(scene.machine.nextWakeUp == nil)
    }

    @Test func `what an operator says may answer inputs, once`() throws {
        var scene = try scene()
        _ = try scene.input("i2")
        _ = scene.take()
        let say = { (scene: inout Scene, answers: [String]) in
            try scene.machine.say(
                [InputPart(text: "yes")], as: names("s"), audience: .everyone, parent: nil,
                answers: answers.map { InputID($0)! }, by: olga, at: scene.at)
        }
        #expect(code { try say(&scene, ["none"]) } == .inputNotFound)
        #expect(code { try say(&scene, ["i1"]) } == .inputNotQueued)
        #expect(scene.take() == [])
        let isNew = try say(&scene, ["i2"])
        #expect(isNew)
        #expect(scene.take().last == "input.answered i2")
        #expect(scene.machine.input(InputID("i2")!)?.state == .answered)
        let isNewAgain = try say(&scene, ["i2"])
        #expect(!isNewAgain)
        #expect(scene.take() == [])
    }

    @Test func `an input that was offered to an agent is the operator's, and what a command says waits for the agent`()
        throws
    {
        var scene = try scene()
        let steer = CommandOrder(verb: .steer, target: .run(RunID("r")!), parts: [InputPart(text: "left")])
        _ = try scene.machine.take(steer, as: CommandID("c")!, by: scene.ada, at: scene.at)
        _ = try scene.machine.addInput(
            InputID("i2")!, parts: [InputPart(text: "and?")], agent: nil, followUp: .steer, by: scene.ada, at: scene.at)
        let offered = try #require(scene.machine.allCommands.last?.id)
        #expect(scene.machine.input(InputID("i2")!)?.state == .steering)
        _ = scene.take()
        _ = try scene.machine.takeBaton(CommandID("t")!, by: olga, at: scene.at)
        #expect(scene.take().contains("command.expired \(offered) taken_over"))
        #expect(scene.machine.command(offered)?.reason == "taken_over")
        #expect(scene.machine.command(CommandID("c")!)?.state == .accepted)
        #expect(scene.machine.input(InputID("i2")!)?.state == .queued)
        _ = try scene.machine.say(
            [InputPart(text: "yes")], as: names("a"), audience: .everyone, parent: nil, answers: [InputID("i2")!],
            by: olga, at: scene.at)
        #expect(scene.machine.input(InputID("i2")!)?.state == .answered)
    }

    @Test func `replaying and a checkpoint give the same`() throws {
        var scene = try scene()
        _ = try scene.machine.takeBaton(CommandID("t")!, by: olga, at: scene.at)
        _ = try scene.machine.say(
            [InputPart(text: "psst")], as: names("s"), audience: .operators, parent: nil, answers: [], by: olga,
            at: scene.at)
        _ = scene.take()
        let whole = try #require(SessionMachine(replaying: scene.records))
        let event = try #require(scene.records.last)
        var kept = try #require(SessionMachine(checkpoint: scene.machine.checkpoint(at: event), at: event))
        for machine in [whole, kept] {
            #expect(try machine.snapshot() == scene.machine.snapshot())
            #expect(machine.nextWakeUp == scene.machine.nextWakeUp)
        }
        _ = try kept.takeBaton(CommandID("t")!, by: olga, at: scene.at)
        #expect(kept.drain() == nil)
    }
}
