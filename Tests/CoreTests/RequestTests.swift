import Testing
import ThroughlineCore

@Suite struct `Requests to people` {
    private let decoder = OperationDecoder()

    private func opened(_ json: String) throws -> AgentEvent {
        let text = #"{"type":"request.opened","request":\#(json)}"#
        return try decoder.agentEvents(try decoder.json(Array(text.utf8)))[0]
    }

    private func withdrawn(_ id: String) -> AgentEvent { .requestWithdrawn(id: AgentRequestID(id)!) }

    private func scene() throws -> Scene {
        var scene = Scene()
        _ = try scene.run("r")
        _ = scene.take()
        return scene
    }

    private func reply(_ id: String, _ value: String, digest: String? = nil) -> AgentRequest.Reply {
        AgentRequest.Reply(id: ReplyID(id)!, value: Array(value.utf8), digest: digest)
    }

    private let approval = #"{"id":"q","kind":"approval","prompt":"Delete it?","arguments":{"path": "/tmp"}}"#
    private let digest = SHA256Digest.hexadecimal(of: Array(#"{"path":"/tmp"}"#.utf8))

    @Test func `the first valid answer wins, its retry is known, and the others are told who won`() throws {
        var scene = try scene()
        _ = try scene.write([opened(approval)])
        #expect(scene.take() == ["request.opened q"])
        let id = AgentRequestID("q")!
        #expect(scene.machine.request(id)?.opening.digest == digest)
        #expect(
            code { try scene.machine.answer(id, reply("a", "true"), by: scene.ada, at: scene.at) } == .requestChanged)
        #expect(
            code { try scene.machine.answer(id, reply("a", "1", digest: digest), by: scene.ada, at: scene.at) }
                == .answerInvalid)
        #expect(scene.take() == [])
        let (ada, bob) = (reply("a", "true", digest: digest), reply("b", "false", digest: digest))
        #expect(try scene.machine.answer(id, ada, by: scene.ada, at: scene.at))
        #expect(scene.take() == ["request.resolved q"])
        #expect(try !scene.machine.answer(id, ada, by: scene.ada, at: scene.at))
        do {
            _ = try scene.machine.answer(id, bob, by: scene.bob, at: scene.at)
            Issue.record("a second answer was taken")
        } catch {
            #expect(error.code == .requestResolved)
            let shown = try #require(error.members["request"].flatMap { try? JSONDocument.parse($0) })
            #expect(shown["answer"]?["by"]?["id"]?.string == "ada" && shown["answer"]?["value"]?.boolean == true)
        }
        // Somebody else's answer of the same name is no retry.
        #expect(code { try scene.machine.answer(id, ada, by: scene.bob, at: scene.at) } == .requestResolved)
        #expect(scene.take() == [])
    }

    @Test func `changed arguments void what people saw before`() throws {
        var scene = try scene()
        _ = try scene.write([opened(approval)])
        _ = try scene.write([opened(approval)])
        #expect(scene.take() == ["request.opened q"])
        _ = try scene.write([opened(#"{"id":"q","kind":"approval","prompt":"Delete it?","arguments":{"path":"/"}}"#)])
        #expect(scene.take() == ["request.opened q"])
        let id = AgentRequestID("q")!
        #expect(
            code { try scene.machine.answer(id, reply("a", "true", digest: digest), by: scene.ada, at: scene.at) }
                == .requestChanged)
        let now = SHA256Digest.hexadecimal(of: Array(#"{"path":"/"}"#.utf8))
        #expect(try scene.machine.answer(id, reply("a", "true", digest: now), by: scene.ada, at: scene.at))
        #expect(code { try scene.write([opened(approval)]) } == .idTaken)
    }

    @Test(arguments: [
        // An answer could be taken for one to the other.
        (
            #"{"id":"q","kind":"choice","prompt":"Delete?","choices":["yes","no"]}"#,
            #"{"id":"q","kind":"choice","prompt":"Keep?","choices":["yes","no"]}"#
        ),
        (
            #"{"id":"q","kind":"client-tool","prompt":"?","tool":"read","arguments":1}"#,
            #"{"id":"q","kind":"client-tool","prompt":"?","tool":"read","arguments":2}"#
        ),
        (
            #"{"id":"q","kind":"approval","prompt":"?","tool":"read","arguments":1}"#,
            #"{"id":"q","kind":"approval","prompt":"?","tool":"delete","arguments":1}"#
        ),
        (
            #"{"id":"q","kind":"approval","prompt":"?","tool":"read","arguments":1}"#,
            #"{"id":"q","kind":"approval","prompt":"?","tool":"delete","arguments":2}"#
        ),
    ])
    func `nothing else changes under a request's id`(first: String, second: String) throws {
        var scene = try scene()
        _ = try scene.write([opened(first)])
        _ = try scene.write([opened(first)])
        #expect(scene.take() == ["request.opened q"])
        #expect(code { try scene.write([opened(second)]) } == .idTaken)
        _ = try scene.write([withdrawn("q"), opened(second.replacing(#""id":"q""#, with: #""id":"q2""#))])
        #expect(scene.take() == ["request.withdrawn q", "request.opened q2"])
    }

    @Test func `its agent takes it back, and what is over stays as it is`() throws {
        var scene = try scene()
        _ = try scene.write([opened(approval)])
        _ = scene.take()
        #expect(code { try scene.write([withdrawn("q"), Scene.append("none", 0, "x")]) } == .partNotFound)
        #expect(scene.machine.allRequests.map(\.state) == [.open] && scene.machine.nextWakeUp != nil)
        _ = try scene.write([withdrawn("q")])
        #expect(scene.take() == ["request.withdrawn q"])
        #expect(scene.machine.allRequests.map(\.reason) == ["by_agent"] && scene.machine.nextWakeUp == nil)
        _ = try scene.write([withdrawn("q")])
        #expect(scene.take() == [])
        #expect(code { try scene.write([withdrawn("none")]) } == .requestNotFound)
        _ = try scene.run("r2")
        #expect(code { try scene.write([withdrawn("q")], run: "r2") } == .requestNotFound)
    }

    @Test func `a step that is begun again takes back what its earlier attempt asked, and only that`() throws {
        var scene = try scene()
        let step = AgentEvent.stepStarted(id: StepID("a")!)
        _ = try scene.write([opened(#"{"id":"before","kind":"text","prompt":"?"}"#), step, opened(approval)])
        _ = scene.take()
        #expect(scene.machine.request(AgentRequestID("q")!)?.opening.step == StepID("a")!)
        let before = try scene.machine.snapshot()
        #expect(code { try scene.write([step, Scene.append("none", 0, "x")]) } == .partNotFound)
        #expect(try scene.machine.snapshot() == before)
        _ = try scene.write([step])
        #expect(scene.take() == ["request.withdrawn q", "step.started a 2"])
        #expect(scene.machine.allRequests.map(\.state) == [.open, .withdrawn])
        #expect(scene.machine.allRequests.map(\.reason) == [nil, "superseded"])
        #expect(
            code {
                try scene.machine.answer(
                    AgentRequestID("q")!, reply("a", "true", digest: digest), by: scene.ada, at: scene.at)
            } == .requestWithdrawn)
    }

    @Test func `an approval of a tool call is of the call's step, whatever was begun since`() throws {
        var scene = try scene()
        let steps = ["a", "b"].map { AgentEvent.stepStarted(id: StepID($0)!) }
        _ = try scene.write([
            steps[0], Scene.message("m"), Scene.part("p", in: "m"), Scene.append("p", 0, "{}"),
            .partEnded(id: PartID("p")!), steps[1],
            opened(#"{"id":"q","kind":"approval","prompt":"Run it?","part":"p"}"#),
        ])
        #expect(scene.machine.request(AgentRequestID("q")!)?.opening.step == StepID("a")!)
        _ = try scene.write([steps[0]])
        #expect(scene.machine.request(AgentRequestID("q")!)?.state == .withdrawn)
    }

    @Test func `an approval of a tool call is bound to the call's text, which has to be whole`() throws {
        var scene = try scene()
        let request = #"{"id":"q","kind":"approval","prompt":"Run it?","part":"p"}"#
        _ = try scene.write([Scene.message("m"), Scene.part("p", in: "m"), Scene.append("p", 0, "{}")])
        #expect(code { try scene.write([opened(request)]) } == .eventInvalid)
        _ = try scene.write([.partEnded(id: PartID("p")!), opened(request)])
        let id = AgentRequestID("q")!
        #expect(scene.machine.request(id)?.opening.digest == SHA256Digest.hexadecimal(of: Array("{}".utf8)))
    }

    @Test func `nobody else may answer than who is asked`() throws {
        var scene = try scene()
        _ = try scene.write([
            opened(#"{"id":"q","kind":"text","prompt":"Name?","who":{"roles":["operator"],"participants":["bob"]}}"#)
        ])
        let id = AgentRequestID("q")!
        #expect(code { try scene.machine.answer(id, reply("a", #""x""#), by: scene.ada, at: scene.at) } == .notAllowed)
        #expect(try scene.machine.answer(id, reply("b", #""x""#), by: scene.bob, at: scene.at))
    }

    @Test func `a deadline takes the default, and none waits for ever`() throws {
        var scene = try scene()
        _ = try scene.write([
            opened(
                #"{"id":"q","kind":"choice","prompt":"?","choices":["red",{"id":"blue"}],"deadline":5000,"default":"blue"}"#
            ),
            opened(#"{"id":"w","kind":"text","prompt":"?"}"#),
        ])
        _ = scene.take()
        #expect(scene.machine.nextWakeUp == Timestamp(milliseconds: 6_000))
        scene.now = 5_999
        scene.machine.wake(at: scene.at)
        #expect(scene.take() == [])
        scene.now = 6_000
        // The deadline counts, and not when the timer came.
        let id = AgentRequestID("q")!
        #expect(
            code { try scene.machine.answer(id, reply("a", #""red""#), by: scene.ada, at: scene.at) } == .requestExpired
        )
        scene.machine.wake(at: scene.at)
        #expect(scene.take() == ["request.expired q"])
        #expect(scene.machine.request(id)?.answer?.value == Array(#""blue""#.utf8))
        #expect(scene.machine.nextWakeUp == Timestamp(milliseconds: 1_000 + 86_400_000))
    }

    @Test func `other arguments do not bring a request back whose time is over`() throws {
        var scene = try scene()
        let asked = #"{"id":"q","kind":"approval","prompt":"Run it?","arguments":"ls","deadline":5000}"#
        _ = try scene.write([opened(asked)])
        _ = scene.take()
        scene.now = 6_000
        let others = asked.replacing("ls", with: "rm")
        #expect(code { try scene.write([opened(others)]) } == .idTaken)
        _ = try scene.write([opened(asked)])
        #expect(scene.take() == [])
        scene.machine.wake(at: scene.at)
        #expect(scene.take() == ["request.expired q"])
    }

    @Test(arguments: [Run.State.completed, .failed])
    func `a request is withdrawn with its run`(reason: Run.State) throws {
        var scene = try scene()
        _ = try scene.write([opened(approval)])
        _ = scene.take()
        _ = try scene.end("r", reason)
        #expect(scene.take() == ["request.withdrawn q", "run.ended r \(reason)"])
        #expect(scene.machine.nextWakeUp == nil)
        let id = AgentRequestID("q")!
        #expect(
            code { try scene.machine.answer(id, reply("a", "true", digest: digest), by: scene.ada, at: scene.at) }
                == .requestWithdrawn)
    }

    @Test func `a refused write leaves no request and no timer`() throws {
        var scene = try scene()
        #expect(code { try scene.write([opened(approval), Scene.append("none", 0, "x")]) } == .partNotFound)
        #expect(scene.take() == [] && scene.machine.allRequests.isEmpty && scene.machine.nextWakeUp == nil)
        _ = try scene.write([opened(approval)])
        _ = scene.take()
        let other = #"{"id":"q","kind":"approval","prompt":"Sure?","arguments":1}"#
        #expect(code { try scene.write([opened(other), Scene.append("none", 0, "x")]) } == .partNotFound)
        #expect(scene.machine.allRequests.map(\.opening.prompt) == ["Delete it?"])
    }

    @Test func `replaying and a checkpoint give the same requests`() throws {
        var scene = try scene()
        _ = try scene.write([opened(approval), opened(#"{"id":"w","kind":"client-tool","prompt":"?","tool":"gps"}"#)])
        _ = try scene.machine.answer(
            AgentRequestID("q")!, reply("a", "false", digest: digest), by: scene.ada, at: scene.at)
        _ = scene.take()
        let whole = try #require(SessionMachine(replaying: scene.records))
        #expect(try whole.snapshot() == scene.machine.snapshot())
        #expect(whole.nextWakeUp == scene.machine.nextWakeUp)
        let event = try #require(scene.records.last)
        let kept = try #require(SessionMachine(checkpoint: scene.machine.checkpoint(at: event), at: event))
        #expect(try kept.snapshot() == scene.machine.snapshot())
        #expect(kept.nextWakeUp == scene.machine.nextWakeUp)
    }

    @Test(
        arguments: [
            (#"{"id":"q","kind":"approval","prompt":"?"}"#, .eventInvalid),
            (#"{"id":"q","kind":"approval","prompt":"?","digest":"00"}"#, .fieldInvalid),
            (#"{"id":"q","kind":"dance","prompt":"?"}"#, .fieldInvalid),
            (#"{"id":"q","kind":"text"}"#, .fieldMissing),
            (#"{"id":"q","kind":"choice","prompt":"?"}"#, .fieldInvalid),
            (#"{"id":"q","kind":"choice","prompt":"?","choices":["a","a"]}"#, .fieldInvalid),
            (#"{"id":"q","kind":"choice","prompt":"?","choices":["a"],"default":"b"}"#, .eventInvalid),
            (#"{"id":"q","kind":"client-tool","prompt":"?"}"#, .fieldMissing),
            (#"{"id":"q","kind":"text","prompt":"?","deadline":10}"#, .fieldInvalid),
            (#"{"id":"q","kind":"text","prompt":"?","schema":{"pattern":"x"}}"#, .fieldInvalid),
            (#"{"id":"q","kind":"text","prompt":"?","who":{"roles":["system"]}}"#, .fieldInvalid),
            (#"{"id":"q","kind":"text","prompt":"?","who":{}}"#, .fieldInvalid),
        ] as [(String, Refusal.Code)])
    func `what is asked is checked whole`(json: String, expected: Refusal.Code) throws {
        var scene = try scene()
        #expect(code { try scene.write([opened(json)]) } == expected)
    }

    @Test(
        arguments: [
            (
                #"{"type":"object","properties":{"n":{"type":"integer","minimum":1}},"required":["n"]}"#, #"{"n":1}"#,
                true
            ),
            (
                #"{"type":"object","properties":{"n":{"type":"integer","minimum":1}},"required":["n"]}"#, #"{"n":0}"#,
                false
            ),
            (#"{"type":"object","required":["n"]}"#, #"{}"#, false),
            (#"{"type":"integer"}"#, "1.0", true), (#"{"type":"integer"}"#, "1.5", false),
            (#"{"type":["string","null"]}"#, "null", true), (#"{"type":["string","null"]}"#, "1", false),
            (#"{"enum":[1,"a",{"b":[1,2]}]}"#, #"{"b":[1.0,2]}"#, true), (#"{"enum":[1,"a"]}"#, "2", false),
            (#"{"items":{"maxLength":2}}"#, #"["ab","c"]"#, true), (#"{"items":{"maxLength":2}}"#, #"["abc"]"#, false),
            (#"{"minItems":1}"#, "[]", false), (#"{"maxItems":1}"#, "[1]", true),
            (#"{"properties":{"a":{}},"additionalProperties":false}"#, #"{"a":1,"b":2}"#, false),
            (#"{"minLength":2,"title":"Name"}"#, #""é""#, false), (#"{"const":"x"}"#, #""x""#, true),
            (#"{"maximum":1e3}"#, "1001", false),
        ] as [(String, String, Bool)])
    func `a schema takes what fits and nothing else`(schema: String, value: String, fits: Bool) throws {
        let schema = try JSONDocument.parse(Array(schema.utf8))
        #expect(JSONSchema.flaw(of: schema) == nil)
        #expect((JSONSchema.breach(of: schema, by: try JSONDocument.parse(Array(value.utf8))) == nil) == fits)
    }

    /// FIPS 180-4's own examples, and one of a length that needs another block for its padding.
    @Test(
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
            (
                String(repeating: "a", count: 119),
                "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb"
            ),
        ])
    func `a digest is SHA-256`(text: String, digest: String) {
        #expect(SHA256Digest.hexadecimal(of: Array(text.utf8)) == digest)
        #expect(SHA256Digest.isHexadecimal(digest) && !SHA256Digest.isHexadecimal(digest.uppercased()))
    }
}
