import Testing
import ThroughlineCore

@Suite struct `Inputs beside each other` {
    private func answer(_ scene: inout Scene, _ input: String) throws {
        _ = try scene.run("r-\(input)", inputs: [input])
        _ = try scene.end("r-\(input)")
    }

    private func edit(_ scene: inout Scene, _ id: String, of replaced: String) throws -> Bool {
        try scene.machine.addInput(
            InputID(id)!, parts: [InputPart(text: id)], agent: nil, replaces: InputID(replaced)!, by: scene.ada,
            at: scene.at)
    }

    private func followed(_ scene: Scene) -> [String] {
        scene.machine.selectedLeaf.map { scene.machine.lineage(of: $0).map(\.id.value) } ?? []
    }

    private func asked(_ names: String...) throws -> Scene {
        var scene = Scene()
        for name in names {
            _ = try scene.input(name)
            try answer(&scene, name)
        }
        return scene
    }

    @Test func `are an edit and what it replaces, and the newest is followed`() throws {
        var scene = try asked("a", "b")
        #expect(followed(scene) == ["a", "b"])
        #expect(try edit(&scene, "b2", of: "b"))
        #expect(try !edit(&scene, "b2", of: "b"), "a retry")
        #expect(followed(scene) == ["a", "b2"])
        try answer(&scene, "b2")
        _ = try scene.input("c")
        #expect(followed(scene) == ["a", "b2", "c"])
        try answer(&scene, "c")
        #expect(try edit(&scene, "b3", of: "b2"))
        #expect(followed(scene) == ["a", "b3"])
        #expect(scene.machine.allBranches.map { $0.siblings.map(\.value) } == [["b", "b2", "b3"]])
    }

    @Test func `are switched between for everybody, and what comes next follows`() throws {
        var scene = try asked("a", "b")
        #expect(try edit(&scene, "a2", of: "a"))
        try answer(&scene, "a2")
        _ = scene.take()
        try scene.machine.selectBranch(InputID("a")!, by: scene.bob, at: scene.at)
        try scene.machine.selectBranch(InputID("a")!, by: scene.bob, at: scene.at)
        #expect(scene.take() == ["branch.switched a"])
        #expect(followed(scene) == ["a", "b"])
        _ = try scene.input("c")
        #expect(followed(scene) == ["a", "b", "c"])
        let added = try #require(scene.machine.input(InputID("c")!))
        #expect(added.branch.after == InputID("b"), "it says what it follows, since a2 came before it")
        #expect(code { try scene.machine.selectBranch(InputID("x")!, by: scene.ada, at: scene.at) } == .inputNotFound)
    }

    @Test func `come from another answer to the same, too`() throws {
        var scene = try asked("a")
        let isNew = try scene.machine.regenerate(
            InputID("a")!, as: InputID("again")!, agent: nil, by: scene.bob, at: scene.at)
        #expect(isNew)
        let input = try #require(scene.machine.input(InputID("again")!))
        #expect(input.parts == [InputPart(text: "hello")] && input.branch.isRegeneration && input.state == .queued)
        #expect(followed(scene) == ["again"])
        #expect(scene.machine.claimableInput(for: AgentName("bot")!) == InputID("again"))
    }

    @Test func `are not made of what is queued, and one that is withdrawn gives its place back`() throws {
        var scene = try asked("a")
        _ = try scene.input("q")
        #expect(code { try edit(&scene, "q2", of: "q") } == .inputQueued)
        #expect(code { try edit(&scene, "x2", of: "x") } == .inputNotFound)
        #expect(try edit(&scene, "a2", of: "a"))
        #expect(followed(scene) == ["a2"])
        _ = try scene.cancel("c", .input(InputID("a2")!))
        #expect(followed(scene) == ["a", "q"])
        #expect(code { try scene.machine.selectBranch(InputID("a2")!, by: scene.ada, at: scene.at) } == .branchInvalid)
    }

    @Test func `are the same after replaying and from a checkpoint`() throws {
        var scene = try asked("a", "b")
        #expect(try edit(&scene, "a2", of: "a"))
        _ = scene.take()
        let event = try #require(scene.records.last { $0.kind == .event })
        let replayed = try #require(SessionMachine(replaying: scene.records))
        let read = try #require(SessionMachine(checkpoint: scene.machine.checkpoint(at: event), at: event))
        let whole = try scene.machine.snapshot()
        for machine in [replayed, read] {
            #expect(try machine.snapshot() == whole)
            scene.machine = machine
            #expect(followed(scene) == ["a2"])
            try scene.machine.selectBranch(InputID("a")!, by: scene.ada, at: scene.at)
            #expect(followed(scene) == ["a", "b"])
        }
    }

    @Test(arguments: [FollowUp.steer, .merge])
    func `an input beside another has a run of its own, whatever the policy`(policy: FollowUp) throws {
        var scene = Scene()
        _ = try scene.input("a")
        _ = try scene.run("r", inputs: ["a"])
        func add(_ id: String, replacing: String? = nil) throws {
            _ = try scene.machine.addInput(
                InputID(id)!, parts: [InputPart(text: id)], agent: nil, followUp: policy,
                replaces: replacing.map { InputID($0)! }, by: scene.ada, at: scene.at)
        }
        try add("a2", replacing: "a")
        try add("a3", replacing: "a")
        #expect(
            scene.machine.input(InputID("a2")!)?.state == .queued
                && scene.machine.pendingCommands(of: RunID("r")!).isEmpty)
        // It follows a3, which r does not answer.
        try add("b")
        #expect(scene.machine.input(InputID("b")!)?.state == .queued)
        _ = try scene.end("r")
        #expect(scene.machine.claimableInputs(for: AgentName("bot")!).map(\.value) == ["a2"])
        _ = try scene.run("r2", inputs: ["a2"])
        _ = try scene.end("r2")
        #expect(
            scene.machine.claimableInputs(for: AgentName("bot")!).map(\.value)
                == (policy == .merge ? ["a3", "b"] : ["a3"]))
    }

    @Test func `a command that becomes an input follows what the conversation follows`() throws {
        var scene = Scene()
        for id in ["a", "b"] {
            _ = try scene.input(id)
            _ = try scene.run("r-\(id)", inputs: [id])
            _ = try scene.end("r-\(id)")
        }
        _ = try scene.machine.addInput(
            InputID("b2")!, parts: [InputPart(text: "b2")], agent: nil, replaces: InputID("b")!, by: scene.ada,
            at: scene.at)
        try scene.machine.selectBranch(InputID("b")!, by: scene.ada, at: scene.at)
        let steer = CommandOrder(
            verb: .steer, target: .run(RunID("r-b")!), parts: [InputPart(text: "left")], becomesInput: true)
        _ = try scene.machine.take(steer, as: CommandID("c")!, by: scene.ada, at: scene.at)
        #expect(scene.machine.lineage(of: InputID("c")!).map(\.id.value) == ["a", "b", "c"])
        #expect(scene.machine.selectedLeaf == InputID("c")!)
    }
}
