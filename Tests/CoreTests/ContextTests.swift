import Testing
import ThroughlineCore

@Suite struct `A conversation for a model` {
    private func messages(_ scene: Scene, branch: String? = nil, tokens: Int = 10_000) throws -> [String] {
        let context = try scene.machine.context(
            ContextQuery(branch: branch.map { InputID($0)! }, tokens: tokens))
        var writer = JSONWriter()
        writer.object { context.writeMessages(to: &$0) }
        let lines = try #require(JSONDocument.parse(writer.bytes)["messages"]).elements
        return try lines.map { line in
            let content = line["content"]?.string ?? "-"
            let calls = (line["tool_calls"]?.elements ?? []).map { call in
                "\(call["id"]?.string ?? "")=\(call["function"]?["arguments"]?.string ?? "")"
            }
            let role = try #require(line["role"]?.string)
            return ([role, line["tool_call_id"]?.string, content].compactMap(\.self) + calls).joined(separator: " ")
        }
    }

    private func part(_ id: String, _ kind: PartKind, _ text: String, call: String? = nil, in message: String)
        -> [AgentEvent]
    {
        let id = PartID(id)!
        let head = PartHead(kind: kind, name: kind == .toolCall ? "f" : nil, call: call)
        return [
            .partStarted(id: id, message: MessageID(message)!, head: head),
            .partAppended(id: id, offset: 0, text: Array(text.utf8)), .partEnded(id: id),
        ]
    }

    private func say(_ scene: inout Scene, _ input: String, _ text: String) throws {
        _ = try scene.machine.addInput(
            InputID(input)!, parts: [InputPart(text: "ask \(input)")], agent: nil, by: scene.ada, at: scene.at)
        _ = try scene.run("r-\(input)", inputs: [input])
        _ = try scene.write(
            [Scene.message("m-\(input)")] + part("p-\(input)", .text, text, in: "m-\(input)"), run: "r-\(input)")
        _ = try scene.end("r-\(input)")
    }

    @Test func `alternates questions and answers, whatever order they came in`() throws {
        var scene = Scene()
        _ = try scene.input("a")
        _ = try scene.run("ra", inputs: ["a"])
        _ = try scene.input("b")
        _ = try scene.write([Scene.message("m")] + part("p", .text, "first", in: "m"), run: "ra")
        _ = try scene.end("ra")
        #expect(try messages(scene) == ["user hello", "assistant first"], "nobody has read b")
        _ = try scene.run("rb", inputs: ["b"])
        #expect(try messages(scene) == ["user hello", "assistant first", "user hello"])
    }

    @Test func `has a result behind every call, and none that is cut off`() throws {
        var scene = Scene()
        _ = try scene.input("i")
        _ = try scene.run("r", inputs: ["i"])
        var events =
            [Scene.message("m")] + part("t1", .reasoning, "hm", in: "m") + part("t2", .text, "Let me look.", in: "m")
        events +=
            part("c1", .toolCall, #"{"q":1}"#, call: "one", in: "m")
            + part("c2", .toolCall, #"{"q":"#, call: "two", in: "m")
        events += part("r1", .toolResult, "42", call: "one", in: "m") + part("t3", .text, "It is 42.", in: "m")
        events += part("c3", .toolCall, "{}", call: "three", in: "m") + [.messageEnded(id: MessageID("m")!)]
        _ = try scene.write(events)
        #expect(
            try messages(scene) == [
                "user hello", #"assistant Let me look. one={"q":1} two={}"#, "tool one 42",
                #"tool two {"error":"The call was interrupted and has no result."}"#, "assistant It is 42. three={}",
                #"tool three {"error":"The call was interrupted and has no result."}"#,
            ])
        let result =
            [AgentEvent.messageStarted(id: MessageID("m2")!, role: .tool)]
            + part("r3", .toolResult, "late", call: "three", in: "m2")
        _ = try scene.write(result)
        #expect(try messages(scene).last == "tool three late")
    }

    @Test func `leaves out what was superseded, withdrawn or said by sub-runs`() throws {
        var scene = Scene()
        _ = try scene.input("i")
        _ = try scene.run("r", inputs: ["i"])
        _ = try scene.run("sub", agent: "helper", parent: "r")
        _ = try scene.write([Scene.message("s")] + part("sp", .text, "aside", in: "s"), run: "sub")
        _ = try scene.write(
            [.stepStarted(id: StepID("a")!), Scene.message("m1")] + part("p1", .text, "wrong", in: "m1"))
        _ = try scene.write(
            [.stepStarted(id: StepID("a")!), Scene.message("m2")] + part("p2", .text, "right", in: "m2"))
        _ = try scene.input("w")
        try scene.machine.withdrawInput(InputID("w")!, by: scene.ada, at: scene.at)
        #expect(try messages(scene) == ["user hello", "assistant right"])
    }

    @Test func `has what a run took in where it came, also when the run is taken on`() throws {
        var scene = Scene()
        _ = try scene.input("i")
        _ = try scene.run("r", inputs: ["i"], attempts: 2)
        _ = try scene.write(
            [.stepStarted(id: StepID("a")!), Scene.message("m1")] + part("p1", .text, "one", in: "m1")
                + [.stepEnded(id: StepID("a")!)])
        let words = { (text: String) in [InputPart(text: text)] }
        for (id, verb) in [("c1", Command.Verb.steer), ("c2", .interrupt), ("late", .steer)] {
            let order = CommandOrder(verb: verb, target: .run(RunID("r")!), parts: words(id))
            _ = try scene.machine.take(order, as: CommandID(id)!, by: scene.ada, at: scene.at)
        }
        _ = try scene.machine.addInput(
            InputID("i2")!, parts: words("i2"), agent: nil, followUp: .steer, by: scene.ada, at: scene.at)
        let offered = try #require(scene.machine.allCommands.last?.id)
        #expect(try messages(scene) == ["user hello", "assistant one"], "nobody has taken them in")
        _ = try scene.write(
            ["c1", "c2", offered.value].map { .commandApplied(id: CommandID($0)!) } + [Scene.message("m2")]
                + part("p2", .text, "two", in: "m2"))
        let taken = ["user hello", "assistant one", "user c1", "user c2", "user i2"]
        #expect(try messages(scene) == taken + ["assistant two"])
        scene.machine.expireLease(of: RunID("r")!, at: scene.at)
        scene.machine.endPause(of: RunID("r")!)
        _ = try scene.run("r", token: "second")
        #expect(scene.machine.run(RunID("r")!)?.inputs.map(\.value) == ["i", "i2"])
        #expect(try messages(scene) == taken, "what was said after the step is superseded, and what it took in is not")
        #expect(try messages(scene, branch: "i") == taken, "as its agent asks for it")
    }

    @Test func `has all inputs that a run answers together, by whichever is asked for`() throws {
        var scene = Scene()
        try say(&scene, "a", "one")
        for id in ["b", "c"] {
            _ = try scene.machine.addInput(
                InputID(id)!, parts: [InputPart(text: "ask \(id)")], agent: nil, followUp: .merge, by: scene.ada,
                at: scene.at)
        }
        let claimable = scene.machine.claimableInputs(for: AgentName("bot")!).map(\.value)
        #expect(claimable == ["b", "c"])
        _ = try scene.run("r", inputs: claimable)
        for branch in ["b", "c"] {
            #expect(try messages(scene, branch: branch) == ["user ask a", "assistant one", "user ask b", "user ask c"])
        }
    }

    @Test func `has what operators say to agents as instructions, and their answers as its own`() throws {
        var scene = Scene()
        let olga = Participant(id: "olga", role: .operator)
        func names(_ id: String) -> MessageNames {
            MessageNames(message: MessageID(id)!, parts: [PartID("\(id).0")!])
        }
        try say(&scene, "a", "one")
        _ = try scene.machine.takeBaton(CommandID("t")!, by: olga, at: scene.at)
        for (id, audience) in [("answer", Audience.everyone), ("whisper", .agents), ("between-us", .operators)] {
            _ = try scene.machine.say(
                [InputPart(text: id)], as: names(id), audience: audience, parent: nil, answers: [], by: olga,
                at: scene.at)
        }
        _ = try scene.machine.returnBaton(
            CommandID("h")!, note: [InputPart(text: "note")], as: names("n"), by: olga, at: scene.at)
        #expect(
            try messages(scene) == [
                "user ask a", "assistant one", "assistant answer",
                "system The operator olga, to you and not to the user:\n\nwhisper",
                "system The operator olga, to you and not to the user:\n\nnote",
            ])
    }

    @Test func `follows the branch that is asked for`() throws {
        var scene = Scene()
        try say(&scene, "a", "one")
        try say(&scene, "b", "two")
        _ = try scene.machine.addInput(
            InputID("b2")!, parts: [InputPart(text: "ask b2")], agent: nil, replaces: InputID("b")!, by: scene.ada,
            at: scene.at)
        #expect(try messages(scene) == ["user ask a", "assistant one"], "b2 waits")
        #expect(try messages(scene, branch: "b2") == ["user ask a", "assistant one", "user ask b2"])
        #expect(try messages(scene, branch: "b") == ["user ask a", "assistant one", "user ask b", "assistant two"])
        #expect(try messages(scene, branch: "a") == ["user ask a", "assistant one"])
        #expect(code { try messages(scene, branch: "x") } == .inputNotFound)
    }

    @Test func `drops the oldest first, and never the instructions or the last input`() throws {
        var scene = Scene()
        let seed = Exchange.Seed(
            message: MessageID("sys")!, role: .system,
            parts: [(PartID("sysp")!, PartHead(kind: .text), Array("Be brief.".utf8))])
        let request = RunRequest(
            id: RunID("r0")!, agent: AgentName("bot")!, leaseMilliseconds: 30_000, token: "token-r0")
        _ = try scene.machine.begin(
            Exchange(seeds: [seed], input: InputID("i0")!, parts: [InputPart(text: "ask i0")], run: request),
            by: scene.ada,
            at: scene.at)
        _ = try scene.end("r0")
        for number in 1...5 { try say(&scene, "i\(number)", String(repeating: "x", count: 100)) }
        let whole = try scene.machine.context(ContextQuery())
        #expect(whole.dropped == 0)
        for tokens in [1, 20, 50, 100, whole.tokens - 1, whole.tokens] {
            let context = try scene.machine.context(ContextQuery(tokens: tokens))
            let lines = try messages(scene, tokens: tokens)
            #expect(lines.first == "system Be brief." && lines.contains("user ask i5"))
            #expect(context.tokens <= tokens || lines.count == 2)
            #expect(lines.count + context.dropped == 12)
        }
        #expect(try messages(scene, tokens: whole.tokens - 1).count == 11, "no more than has to go")
    }
}
