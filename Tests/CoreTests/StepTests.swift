import Testing
import ThroughlineCore

@Suite struct `The steps of a run` {
    private let run = RunID("r")!

    private func step(_ id: String, attempt: Int? = nil) -> AgentEvent {
        .stepStarted(id: StepID(id)!, attempt: attempt)
    }
    private func end(_ id: String) -> AgentEvent { .stepEnded(id: StepID(id)!) }

    private func begun(attempts: Int = 3) throws -> Scene {
        var scene = Scene()
        _ = try scene.input("i")
        _ = try scene.run("r", inputs: ["i"], attempts: attempts)
        _ = scene.take()
        return scene
    }

    private func superseded(_ scene: Scene) -> [String] {
        scene.machine.allMessages.filter(\.isSuperseded).map(\.id.value)
    }

    @Test func `take the messages that are begun while they are open`() throws {
        var scene = try begun()
        _ = try scene.write([
            Scene.message("m0"), step("a"), Scene.message("m1"), step("b"), Scene.message("m2"),
            .messageStarted(id: MessageID("m3")!, step: StepID("a")!), end("b"), Scene.message("m4"), end("a"),
            Scene.message("m5"),
        ])
        #expect(scene.machine.allMessages.map { $0.step?.value } == [nil, "a", "b", "a", "a", nil])
        let ended = scene.machine.allMessages.map { $0.status == .complete }
        #expect(ended == [false, true, true, true, true, false], "a step ends its messages")
        #expect(code { try scene.write([end("a")]) } == .stepEnded)
        #expect(code { try scene.write([end("c")]) } == .stepNotFound)
        #expect(code { try scene.write([.messageStarted(id: MessageID("x")!, step: StepID("a")!)]) } == .stepEnded)
    }

    @Test func `take messages and requests by which was begun last, also where it was begun before`() throws {
        var scene = try begun()
        _ = try scene.write([step("plan"), step("search"), step("plan"), Scene.message("m")])
        let opening = AgentRequest.Opening(kind: .text, prompt: "?", deadline: scene.at)
        _ = try scene.write([.requestOpened(RequestDraft(id: AgentRequestID("q")!, opening: opening))])
        #expect(scene.machine.message(MessageID("m")!)?.step == StepID("plan")!)
        #expect(scene.machine.request(AgentRequestID("q")!)?.opening.step == StepID("plan")!)
        _ = try scene.write([step("search")])
        #expect(superseded(scene) == [] && scene.machine.request(AgentRequestID("q")!)?.state == .open)
        _ = try scene.write([end("plan")])
        #expect(scene.machine.message(MessageID("m")!)?.status == .complete)
    }

    @Test func `supersede what an earlier attempt said, and end what it left open`() throws {
        var scene = try begun()
        _ = try scene.write([step("a"), Scene.message("m1"), Scene.part("p", in: "m1"), Scene.append("p", 0, "Hi")])
        _ = scene.take()
        _ = try scene.write([step("a"), Scene.message("m2")])
        #expect(
            scene.take() == [
                "part.ended p interrupted", "message.ended m1 interrupted", "step.started a 2", "message.started m2",
            ])
        #expect(superseded(scene) == ["m1"])
        #expect(code { try scene.write([step("a", attempt: 2)]) } == .stepTaken)
        _ = try scene.write([step("a", attempt: 7)])
        #expect(superseded(scene) == ["m1", "m2"])
        #expect(scene.machine.run(run)?.steps.first?.attempt == 7)
    }

    @Test func `are as they were where a write is refused`() throws {
        var scene = try begun()
        _ = try scene.write([
            step("a"), Scene.message("m1"), Scene.part("p", in: "m1"), Scene.append("p", 0, "Hi"), step("b"),
        ])
        _ = scene.take()
        let before = try scene.machine.snapshot()
        let bad = [step("a"), Scene.message("m2"), end("a"), step("c"), Scene.append("nothing", 0, "x")]
        #expect(code { try scene.write(bad) } == .partNotFound)
        #expect(scene.take() == [])
        #expect(try scene.machine.snapshot() == before)
    }

    @Test func `that were completed stand when the run is taken on, and nothing else does`() throws {
        var scene = try begun()
        _ = try scene.write([
            Scene.message("loose"), step("a"), Scene.message("m1"), end("a"), step("b"), Scene.message("m2"),
        ])
        _ = scene.take()
        scene.machine.expireLease(of: run, at: scene.at)
        #expect(
            scene.take() == [
                "message.ended loose interrupted", "message.ended m2 interrupted", "step.ended b interrupted",
                "run.queued r 2",
            ])
        #expect(superseded(scene) == [], "what there is stays shown until there is something else")
        scene.machine.endPause(of: run)
        _ = try scene.run("r", inputs: ["i"], token: "second")
        #expect(superseded(scene) == ["loose", "m2"])
        _ = try scene.write([step("b"), Scene.message("m3")], token: "second")
        #expect(scene.take().suffix(2) == ["step.started b 2", "message.started m3"])
        #expect(superseded(scene) == ["loose", "m2"])
        let replayed = try #require(SessionMachine(replaying: scene.records))
        #expect(try replayed.snapshot() == scene.machine.snapshot())
        let event = try #require(scene.records.last { $0.kind == .event })
        let read = try #require(SessionMachine(checkpoint: scene.machine.checkpoint(at: event), at: event))
        #expect(try read.snapshot() == scene.machine.snapshot())
    }

    @Test func `end with their run`() throws {
        var scene = try begun()
        _ = try scene.write([step("a"), Scene.message("m")])
        _ = scene.take()
        _ = try scene.cancel("c", .all)
        #expect(
            scene.take().suffix(3) == ["message.ended m cancelled", "step.ended a cancelled", "run.ended r cancelled"])
    }

    @Test func `are counted`() throws {
        var limits = SessionLimits()
        limits.stepsPerRun = 2
        var scene = Scene(limits: limits)
        _ = try scene.run("r")
        _ = try scene.write([step("a"), step("b"), step("a")])
        #expect(code { try scene.write([step("c")]) } == .tooMany)
    }
}
