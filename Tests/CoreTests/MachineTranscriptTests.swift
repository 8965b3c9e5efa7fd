import Testing
import ThroughlineCore

/// A machine with short names for tests, and the events it emitted in order.
struct Scene {
    var machine: SessionMachine
    var records: [LogRecord] = []
    let ada = Participant(id: "ada", role: .user)
    let bob = Participant(id: "bob", role: .user)
    var now: Int64 = 1_000

    init(limits: SessionLimits = SessionLimits()) {
        machine = SessionMachine(
            creating: SessionInfo(id: SessionID("s")!), by: .anonymous, at: Timestamp(milliseconds: 1_000),
            limits: limits)
        _ = take()
    }

    /// What was emitted since the last call.
    mutating func take() -> [String] {
        let emission = machine.drain()
        records += emission?.records ?? []
        return (emission?.records ?? []).compactMap { Event(stored: $0.payload) }.map(Self.describe)
    }

    static func describe(_ event: Event) -> String {
        switch event.body {
        case .branchSwitched(let id): "branch.switched \(id)"
        case .inputAdded(let input): "input.added \(input.id)" + (input.before.map { " before \($0)" } ?? "")
        case .inputUpdated(let input): "input.updated \(input.id)"
        case .inputWithdrawn(let id, _, let reason): "input.withdrawn \(id)" + (reason.map { " \($0)" } ?? "")
        case .runStarted(let start): "run.started \(start.id) \(start.inputs.map(\.value).joined(separator: ","))"
        case .runQueued(let wait): "run.queued \(wait.id) \(wait.attempt)"
        case .runEnded(let end): "run.ended \(end.id) \(end.reason)"
        case .stepStarted(let id, _, let attempt, _): "step.started \(id) \(attempt)"
        case .stepEnded(let id, _, let status): "step.ended \(id) \(status)"
        case .messageStarted(let id, _, _, _, _, _): "message.started \(id)"
        case .messageEnded(let id, let status): "message.ended \(id) \(status)"
        case .partStarted(let id, _, _): "part.started \(id)"
        case .partAppended(let id, _, let offset, let text):
            "part.appended \(id) \(offset) \(String(decoding: text, as: UTF8.self))"
        case .partEnded(let id, let status): "part.ended \(id) \(status)"
        case .runUpdated(let update): "run.updated \(update.id)"
        case .runWaiting(let wait): "run.waiting \(wait.id) \(wait.reason)"
        case .runResumed(let id, _): "run.resumed \(id)"
        case .commandRequested(let id, _, _): "command.requested \(id)"
        case .commandAccepted(let news), .commandRejected(let news), .commandDeferred(let news),
            .commandApplied(let news), .commandExpired(let news):
            "\(event.body.type) \(news.id)" + (news.reason.map { " \($0)" } ?? "")
        case .baton(.returned(let reason, _, _)): "baton.returned \(reason.rawValue)"
        case .inputAnswered(let id, _): "input.answered \(id)"
        case .request(.opened(let id, _, _)), .request(.resolved(let id, _)), .request(.expired(let id, _)),
            .request(.withdrawn(let id, _)):
            "\(event.body.type) \(id)"
        default: "\(event.body.type)"
        }
    }

    var at: Timestamp { Timestamp(milliseconds: now) }

    mutating func input(
        _ id: String, by: Participant? = nil, agent: String? = nil, followUp: FollowUp? = nil
    ) throws -> Bool {
        try machine.addInput(
            InputID(id)!, parts: [InputPart(text: "hello")], agent: agent.map { AgentName($0)! }, followUp: followUp,
            by: by ?? ada, at: at)
    }

    mutating func run(
        _ id: String, agent: String = "bot", inputs: [String] = [], parent: String? = nil, waits: Bool = false,
        accepts: [Command.Verb]? = nil, attempts: Int = 1, token: String? = nil, heldBy: Participant? = .anonymous
    ) throws -> Bool {
        var request = RunRequest(
            id: RunID(id)!, agent: AgentName(agent)!, parent: parent.map { RunID($0)! },
            inputs: inputs.map { InputID($0)! }, waitsForChildren: waits, accepts: accepts,
            leaseMilliseconds: 30_000, attempts: attempts, token: token ?? "token-\(id)")
        request.heldBy = heldBy
        return try machine.startRun(request, by: .agent(AgentName(agent)!), at: at)
    }

    mutating func write(
        _ events: [AgentEvent], run: String = "r", number: UInt64? = nil, token: String? = nil
    ) throws(Refusal) -> SessionMachine.Written {
        try machine.write(events, run: RunID(run)!, token: token ?? "token-\(run)", number: number, at: at)
    }

    mutating func end(_ run: String, _ reason: Run.State = .completed) throws -> Bool {
        try machine.endRun(
            RunID(run)!, token: "token-\(run)", reason: reason, by: .agent(AgentName("bot")!), at: at)
    }

    mutating func cancel(_ id: String, _ target: Command.Target, by: Participant? = nil) throws -> Bool {
        try order(id, .cancel, target, by: by)
    }

    mutating func order(
        _ id: String, _ verb: Command.Verb, _ target: Command.Target, becomesInput: Bool = false,
        by: Participant? = nil
    ) throws -> Bool {
        let parts = verb == .steer || becomesInput ? [InputPart(text: "instead")] : []
        return try machine.take(
            CommandOrder(verb: verb, target: target, parts: parts, becomesInput: becomesInput), as: CommandID(id)!,
            by: by ?? ada, at: at)
    }

    mutating func carryOut(_ id: String, run: String = "r") throws -> SessionMachine.Written {
        try write([.commandApplied(id: CommandID(id)!)], run: run)
    }

    static func message(_ id: String) -> AgentEvent { .messageStarted(id: MessageID(id)!) }
    static func part(_ id: String, in message: String) -> AgentEvent {
        .partStarted(id: PartID(id)!, message: MessageID(message)!, head: PartHead(kind: .text))
    }
    static func append(_ id: String, _ offset: Int, _ text: String) -> AgentEvent {
        .partAppended(id: PartID(id)!, offset: offset, text: Array(text.utf8))
    }
}

func code(of body: () throws -> some Any) -> Refusal.Code? {
    do {
        _ = try body()
        return nil
    } catch {
        return (error as? Refusal)?.code
    }
}

@Suite struct `The session machine` {
    @Test func `a whole answer, from input to end`() throws {
        var scene = Scene()
        #expect(try scene.input("i"))
        #expect(scene.take() == ["input.added i"])
        #expect(scene.machine.claimableInput(for: AgentName("bot")!) == InputID("i"))
        #expect(try scene.run("r", inputs: ["i"]))
        #expect(scene.take() == ["run.started r i"])
        #expect(
            try scene.write([Scene.message("m"), Scene.part("p", in: "m"), Scene.append("p", 0, "Hi")]).number == 1)
        #expect(try scene.write([Scene.append("p", 2, " there")]).number == 2)
        #expect(
            scene.take() == [
                "message.started m", "part.started p", "part.appended p 0 Hi", "part.appended p 2  there",
            ])
        #expect(try scene.end("r"))
        #expect(scene.take() == ["part.ended p complete", "message.ended m complete", "run.ended r completed"])
        #expect(scene.machine.input(InputID("i")!)?.state == .answered)
    }

    @Test func `everything that is retried with its id happens once`() throws {
        var scene = Scene()
        #expect(try scene.input("i"))
        #expect(try !scene.input("i"))
        #expect(try scene.run("r", inputs: ["i"]))
        #expect(try !scene.run("r", inputs: ["i"]))
        _ = try scene.write([Scene.message("m")], number: 1)
        #expect(try scene.write([Scene.message("m")], number: 1).isDuplicate)
        #expect(try scene.cancel("c", .run(RunID("r")!)))
        #expect(try !scene.cancel("c", .run(RunID("r")!)))
        let emitted = scene.take()
        #expect(Set(emitted).count == emitted.count)
    }

    @Test func `only who has a run is given its lease again, and only while it is active`() throws {
        let holder = Participant(id: "worker", role: .agent, device: "d1", key: "k1")
        let others: [Participant?] = [
            nil, .anonymous, .init(id: "worker", role: .agent, device: "d1"),
            .init(id: "worker", role: .agent, key: "k1"), .init(id: "worker", role: .user, device: "d1", key: "k1"),
            .init(id: "ada", role: .agent, device: "d1", key: "k1"),
        ]
        var scene = Scene()
        #expect(try scene.run("r", heldBy: holder))
        #expect(try scene.run("nobody", heldBy: nil))
        _ = scene.take()
        let event = try #require(scene.records.last { $0.kind == .event })
        let machines = [
            scene.machine, try #require(SessionMachine(replaying: scene.records)),
            try #require(SessionMachine(checkpoint: scene.machine.checkpoint(at: event), at: event)),
        ]
        for machine in machines {
            scene.machine = machine
            for other in others { #expect(code { try scene.run("r", heldBy: other) } == .runExists) }
            #expect(try !scene.run("r", heldBy: holder))
            #expect(code { try scene.run("nobody", heldBy: nil) } == .runExists, "as in a log of before")
            _ = try scene.end("r")
            #expect(code { try scene.run("r", heldBy: holder) } == .runEnded)
            #expect(code { try scene.run("r", heldBy: .anonymous) } == .runExists)
        }
    }

    @Test func `who takes a run on or over is given its lease again, and who had it before is not`() throws {
        let (first, second) = (Participant(id: "one", role: .agent), Participant(id: "two", role: .agent))
        let run = RunID("r")!
        var scene = Scene()
        _ = try scene.input("i")
        _ = try scene.run("r", inputs: ["i"], attempts: 2, heldBy: first)
        scene.machine.expireLease(of: run, at: scene.at)
        #expect(try scene.run("r", token: "second", heldBy: second), "a queued run is for any agent of its name")
        #expect(code { try scene.run("r", heldBy: first) } == .runExists)
        #expect(try !scene.run("r", heldBy: second))
        _ = try scene.machine.adopt(
            run, token: "second", request: WorkID("a")!, newToken: "third", leaseMilliseconds: 9_000,
            by: .agent(AgentName("bot")!), heldBy: first, at: scene.at)
        #expect(code { try scene.run("r", heldBy: second) } == .runExists)
        #expect(try !scene.run("r", heldBy: first))
    }

    @Test func `a queue hands out one input at a time, and each addressed agent has its own`() throws {
        var scene = Scene()
        _ = try scene.input("i1")
        _ = try scene.input("i2")
        _ = try scene.input("x1", agent: "other")
        let bot = AgentName("bot")!
        let other = AgentName("other")!
        _ = try scene.run("r", inputs: ["i1"])
        #expect(scene.machine.claimableInput(for: bot) == nil)
        #expect(scene.machine.claimableInput(for: other) == InputID("x1"))
        _ = try scene.end("r")
        #expect(scene.machine.claimableInput(for: bot) == InputID("i2"))
        #expect(code { try scene.run("r2", inputs: ["i1"]) } == .inputClaimed)
    }

    @Test func `after an accepted cancel nothing more of the run appears`() throws {
        var scene = Scene()
        _ = try scene.input("i")
        _ = try scene.run("r", inputs: ["i"])
        _ = try scene.write([Scene.message("m"), Scene.part("p", in: "m"), Scene.append("p", 0, "Hi")], number: 1)
        _ = scene.take()
        _ = try scene.cancel("c", .input(InputID("i")!), by: scene.bob)
        #expect(
            scene.take() == [
                "command.requested c", "command.accepted c", "part.ended p cancelled", "message.ended m cancelled",
                "run.ended r cancelled",
            ])
        #expect(scene.machine.command(CommandID("c")!)?.state == .accepted)
        #expect(try scene.write([], number: 1).isDuplicate, "the duplicate check comes before the fence check")
        #expect(code { try scene.write([Scene.append("p", 2, "x")], number: 2) } == .runCancelled)
        #expect(scene.take() == ["command.applied c"], "the refusal told the holder")
        #expect(code { try scene.write([], number: 2) } == .runCancelled)
        #expect(scene.take() == [])
        #expect(code { try scene.end("r") } == .runCancelled)
        #expect(scene.machine.input(InputID("i")!)?.state == .cancelled)
    }

    @Test func `a stop before any run withdraws the input`() throws {
        var scene = Scene()
        _ = try scene.input("i")
        _ = scene.take()
        _ = try scene.cancel("c", .input(InputID("i")!))
        #expect(
            scene.take() == ["command.requested c", "command.accepted c", "input.withdrawn i", "command.applied c"])
        #expect(scene.machine.claimableInput(for: AgentName("bot")!) == nil)
        #expect(code { try scene.run("r", inputs: ["i"]) } == .inputClaimed)
    }

    @Test func `a cancel takes the runs below with it, and no others`() throws {
        var scene = Scene()
        _ = try scene.run("a")
        _ = try scene.run("b", agent: "sub", parent: "a")
        _ = try scene.run("c", agent: "sub", parent: "b")
        _ = try scene.run("d")
        _ = scene.take()
        _ = try scene.cancel("k", .run(RunID("a")!))
        #expect(
            scene.take() == [
                "command.requested k", "command.accepted k", "run.ended a cancelled", "run.ended b cancelled",
                "run.ended c cancelled",
            ])
        scene.machine.holderTold(of: RunID("a")!, at: scene.at)
        scene.machine.holderTold(of: RunID("c")!, at: scene.at)
        #expect(scene.take() == [], "one holder does not know yet")
        scene.machine.expireLease(of: RunID("b")!, at: scene.at)
        #expect(scene.take() == ["command.applied k"])
        #expect(scene.machine.activeRunIDs == [RunID("d")!])
    }

    @Test func `mine means what came from my inputs`() throws {
        var scene = Scene()
        _ = try scene.input("i1", by: scene.ada)
        _ = try scene.input("i2", by: scene.bob)
        _ = try scene.run("r", inputs: ["i1"])
        _ = scene.take()
        _ = try scene.cancel("c", .mine, by: scene.bob)
        #expect(scene.take().contains("input.withdrawn i2"))
        #expect(scene.machine.activeRunIDs == [RunID("r")!])
        _ = try scene.cancel("c2", .mine, by: scene.bob)
        #expect(scene.take() == ["command.requested c2", "command.rejected c2 nothing_active"])
    }

    @Test func `a lost run ends its parts as interrupted and leaves its input unanswered`() throws {
        var scene = Scene()
        _ = try scene.input("i")
        _ = try scene.run("r", inputs: ["i"])
        _ = try scene.write([Scene.message("m"), Scene.part("p", in: "m")])
        _ = scene.take()
        scene.machine.expireLease(of: RunID("r")!, at: scene.at)
        #expect(scene.take() == ["part.ended p interrupted", "message.ended m interrupted", "run.ended r lost"])
        #expect(scene.machine.input(InputID("i")!)?.state == .unanswered)
        scene.machine.expireLease(of: RunID("r")!, at: scene.at)
        #expect(scene.take() == [])
        #expect(code { try scene.write([]) } == .runEnded)
    }

    @Test func `offsets are bytes, agreeing text adds what is new, and anything else is refused`() throws {
        var scene = Scene()
        _ = try scene.run("r")
        _ = try scene.write([Scene.message("m"), Scene.part("p", in: "m"), Scene.append("p", 0, "né🙂")])
        _ = scene.take()
        #expect(code { try scene.write([Scene.append("p", 8, "x")]) } == .offsetGap)
        #expect(code { try scene.write([Scene.append("p", 1, "x")]) } == .offsetConflict)
        #expect(code { try scene.write([Scene.append("p", 2, "é")]) } == .offsetConflict, "inside a character")
        _ = try scene.write([Scene.append("p", 1, "é🙂!")])
        #expect(scene.take() == ["part.appended p 7 !"])
        _ = try scene.write([Scene.append("p", 0, "né")])
        #expect(scene.take() == [], "nothing new, yet the write is taken")
        #expect(scene.records.last?.kind == .note)
    }

    @Test func `a write is taken whole or not at all`() throws {
        var scene = Scene()
        _ = try scene.run("r")
        _ = try scene.write([Scene.message("m"), Scene.part("p", in: "m"), Scene.append("p", 0, "Hi")], number: 1)
        _ = scene.take()
        let before = try scene.machine.snapshot()
        let bad: [AgentEvent] = [
            Scene.append("p", 2, " you"), .partEnded(id: PartID("p")!), Scene.part("q", in: "m"),
            Scene.append("q", 0, "x"),
            .messageEnded(id: MessageID("m")!), Scene.message("n"), Scene.append("gone", 0, "x"),
        ]
        #expect(code { try scene.write(bad, number: 2) } == .partNotFound)
        #expect(scene.take() == [])
        #expect(try scene.machine.snapshot() == before)
        _ = try scene.write(Array(bad.dropLast()), number: 2)
        #expect(scene.take().last == "message.started n")
    }

    @Test func `writes are numbered without a gap, and a wrong token is fenced off`() throws {
        var scene = Scene()
        _ = try scene.run("r")
        do {
            _ = try scene.write([Scene.message("m")], number: 2)
            Issue.record("a gap was taken")
        } catch {
            #expect(error.code == .writeGap)
            #expect(error.numbers == ["expected": 1])
        }
        #expect(code { try scene.write([], number: 1, token: "token-x") } == .runFenced)
        #expect(code { try scene.write([], number: 1, token: "") } == .runFenced)
        #expect(code { try scene.write([], run: "nobody") } == .runNotFound)
        #expect(try scene.write([], number: 1).number == 1)
    }

    @Test func `one run may not write into another's message`() throws {
        var scene = Scene()
        _ = try scene.run("r")
        _ = try scene.run("t")
        _ = try scene.write([Scene.message("m"), Scene.part("p", in: "m")])
        #expect(code { try scene.write([Scene.append("p", 0, "x")], run: "t") } == .partNotFound)
        #expect(code { try scene.write([Scene.part("q", in: "m")], run: "t") } == .messageNotFound)
        #expect(code { try scene.write([Scene.message("m")], run: "t") } == .idTaken)
    }

    @Test func `a closed session takes no input and starts no run`() throws {
        var scene = Scene()
        scene.machine.update(title: "T", metadata: nil, closing: true, by: scene.ada, at: scene.at)
        #expect(scene.take() == ["session.closed"])
        #expect(code { try scene.input("i") } == .sessionClosed)
        #expect(code { try scene.run("r") } == .sessionClosed)
        scene.machine.update(title: "T", metadata: nil, closing: true, by: scene.ada, at: scene.at)
        #expect(scene.take() == [])
    }

    @Test func `a closed session hands out what was begun and nothing else`() throws {
        let bot = AgentName("bot")!
        var scene = Scene()
        for id in ["i1", "i2"] { _ = try scene.input(id) }
        _ = try scene.run("r", inputs: ["i1"], attempts: 2)
        _ = try scene.input("i3", agent: "other")
        _ = try scene.input("offered", followUp: .steer)
        _ = try scene.order("left", .steer, .run(RunID("r")!), becomesInput: true)
        #expect(scene.machine.input(InputID("offered")!)?.state == .steering)
        scene.machine.update(title: nil, metadata: nil, closing: true, by: scene.ada, at: scene.at)
        #expect(scene.machine.summary.claimable.isEmpty)
        #expect(scene.machine.claimableInput(for: AgentName("other")!) == nil)
        scene.machine.expireLease(of: RunID("r")!, at: scene.at)
        scene.machine.endPause(of: RunID("r")!)
        #expect(scene.machine.summary.claimable.map(\.agent) == [bot], "the run that was begun")
        #expect(try scene.run("r", inputs: ["i1"], token: "token-r"))
        _ = scene.take()
        _ = try scene.end("r")
        #expect(scene.take().filter { $0.hasPrefix("input") } == [], "the steer that was left over is no input")
        #expect(scene.machine.claimableInput(for: bot) == nil && scene.machine.claimableInputs(for: bot).isEmpty)
        #expect(scene.machine.summary.claimable.isEmpty && scene.machine.summary.queuedInputs == 3)
        try scene.machine.withdrawInput(InputID("i2")!, by: scene.ada, at: scene.at)
        #expect(scene.machine.input(InputID("i2")!)?.state == .withdrawn)
    }

    @Test func `limits are clear answers`() throws {
        var limits = SessionLimits()
        limits.queuedInputs = 2
        limits.activeRuns = 1
        limits.partText = 4
        var scene = Scene(limits: limits)
        _ = try scene.input("i1")
        _ = try scene.input("i2")
        #expect(code { try scene.input("i3") } == .tooMany)
        _ = try scene.run("r")
        #expect(code { try scene.run("r2") } == .tooMany)
        _ = try scene.write([Scene.message("m"), Scene.part("p", in: "m"), Scene.append("p", 0, "1234")])
        #expect(code { try scene.write([Scene.append("p", 4, "5")]) } == .tooLarge)
    }

    @Test func `a gateway's exchange seeds only an empty session and meets its input again`() throws {
        var scene = Scene()
        let seed = Exchange.Seed(
            message: MessageID("old")!, role: .user,
            parts: [(PartID("op")!, PartHead(kind: .text), Array("before".utf8))])
        func exchange(_ input: String, _ run: String) -> Exchange {
            Exchange(
                seeds: [seed], input: InputID(input)!, parts: [InputPart(text: "now")],
                run: RunRequest(
                    id: RunID(run)!, agent: AgentName("model")!, leaseMilliseconds: 5_000, token: "token-\(run)"))
        }
        #expect(try scene.machine.begin(exchange("i", "r"), by: scene.ada, at: scene.at) == RunID("r"))
        #expect(
            scene.take() == [
                "message.started old", "part.started op", "part.appended op 0 before", "part.ended op complete",
                "message.ended old complete", "input.added i", "run.started r i",
            ])
        #expect(try scene.machine.begin(exchange("i", "r2"), by: scene.ada, at: scene.at) == RunID("r"))
        #expect(try scene.machine.begin(exchange("j", "r3"), by: scene.ada, at: scene.at) == RunID("r3"))
        #expect(scene.take() == ["input.added j", "run.started r3 j"])
    }
}
