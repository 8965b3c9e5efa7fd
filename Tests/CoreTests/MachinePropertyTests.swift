import Testing
import ThroughlineCore
import ThroughlineTestKit

/// Drives a machine at random and keeps what it emitted.
struct Drive {
    var scene = Scene()
    var random: SeededRandom
    var counts: [String: Int] = [:]
    var numbers: [String: UInt64] = [:]
    var lengths: [String: Int] = [:]
    var serial = 0

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    mutating func step() {
        scene.now += Int64(random.below(50)) - 5
        let kind = random.below(26)
        do {
            switch kind {
            case 0:
                _ = try scene.input(
                    name("i"), by: random.chance(2) ? scene.ada : scene.bob, agent: random.chance(3) ? "bot" : nil,
                    followUp: random.chance(2) ? random.pick(FollowUp.allCases) : nil)
            case 1: try claim()
            case 2:
                try start(name("r"), agent: random.pick(["bot", "sub"]), parent: random.chance(2) ? some(runs) : nil)
            case 3...7, 18...24: try write()
            case 8:
                if random.chance(4), let run = some(runs) {
                    _ = try scene.end(run, random.pick([.completed, .failed]))
                }
            case 9: if random.chance(3) { try cancel() }
            case 10: try order()
            case 11: try acknowledge()
            case 12: try changeQueue()
            case 13:
                if random.chance(8) {
                    scene.now += Int64(random.below(400_000))
                    scene.machine.wake(at: scene.at)
                }
            case 14:
                let states = scene.machine.allInputs.filter { $0.state == .queued }
                if let input = states.randomElement(using: &random) {
                    try scene.machine.withdrawInput(input.id, by: scene.ada, at: scene.at)
                }
            case 15: try ask()
            case 16: scene.machine.wake(at: scene.at)
            case 25: try operate()
            default:
                if let run = some(runs), random.chance(4) { scene.machine.expireLease(of: RunID(run)!, at: scene.at) }
            }
            counts["taken", default: 0] += 1
        } catch {
            counts[(error as? Refusal)?.code.rawValue ?? "?", default: 0] += 1
        }
        _ = scene.take()
    }

    private var runs: [String] { Array(machineRuns.suffix(6)) }
    private var machineRuns: [String] = []
    private var messagesOf: [String: [String]] = [:]
    private var partsOf: [String: [String]] = [:]

    private mutating func some(_ names: [String]) -> String? { names.isEmpty ? nil : random.pick(names) }

    private mutating func name(_ prefix: String) -> String {
        serial += random.chance(8) ? 0 : 1
        return "\(prefix)\(serial)"
    }

    private mutating func claim() throws {
        let inputs = scene.machine.claimableInputs(for: AgentName("bot")!)
        guard !inputs.isEmpty else { return }
        try start(name("r"), agent: "bot", inputs: inputs.map(\.value))
    }

    private mutating func start(_ run: String, agent: String, inputs: [String] = [], parent: String? = nil) throws {
        let isNew = try scene.run(
            run, agent: agent, inputs: inputs, parent: parent, waits: random.chance(3),
            accepts: random.chance(5) ? [.steer] : nil, attempts: 1 + random.below(3))
        if isNew { machineRuns.append(run) }
    }

    private mutating func order() throws {
        var targets: [Command.Target] = [.all, .mine]
        for run in runs { targets.append(.run(RunID(run)!)) }
        let verb = random.pick([Command.Verb.steer, .steer, .interrupt, .pause, .resume, .resume])
        let becomesInput = (verb == .steer || verb == .interrupt) && random.chance(2)
        _ = try scene.order(name("c"), verb, random.pick(targets), becomesInput: becomesInput)
    }

    /// Mostly with other events in the same write, so that refused writes take it back.
    private mutating func acknowledge() throws {
        guard let run = some(runs) else { return }
        let pending = scene.machine.pendingCommands(of: RunID(run)!)
        var events: [AgentEvent] = [
            .runUpdated(label: random.text(upTo: 3), progress: Array(#"{"fraction":0.5}"#.utf8))
        ]
        if let command = pending.randomElement(using: &random) {
            events.append(random.chance(4) ? .commandDeferred(id: command.id) : .commandApplied(id: command.id))
        }
        if random.chance(3) { events.append(random.chance(2) ? .runWaiting(reason: "tide") : .runResumed) }
        if random.chance(3) { events.append(event(of: run)) }
        numbers[run] = try scene.write(events, run: run).number
    }

    private mutating func changeQueue() throws {
        let queued = scene.machine.allInputs.filter { $0.state == .queued }
        guard let input = queued.randomElement(using: &random), let other = queued.randomElement(using: &random) else {
            return
        }
        try scene.machine.updateInput(
            input.id, parts: random.chance(2) ? [InputPart(text: random.text(upTo: 4))] : nil,
            place: random.chance(4) ? .last : .before(other.id), by: scene.bob, at: scene.at)
    }

    private mutating func cancel() throws {
        var targets: [Command.Target] = [.mine, .agent(AgentName("sub")!)]
        if let run = some(runs) { targets += [.run(RunID(run)!), .run(RunID(run)!)] }
        if let input = scene.machine.allInputs.randomElement(using: &random) { targets.append(.input(input.id)) }
        if random.chance(10) { targets = [.all] }
        if random.chance(8) { targets = [.input(InputID("i\(serial + 1)")!)] }
        _ = try scene.cancel(name("c"), random.pick(targets), by: random.chance(2) ? scene.ada : scene.bob)
    }

    private mutating func operate() throws {
        let olga = Participant(id: "olga", role: .operator)
        let command = CommandID(name("b"))!
        if scene.machine.baton == nil {
            if random.chance(3) { _ = try scene.machine.takeBaton(command, by: olga, at: scene.at) }
        } else {
            let names = MessageNames(message: MessageID(command.value)!, parts: [])
            _ = try scene.machine.returnBaton(command, note: [], as: names, by: olga, at: scene.at)
        }
    }

    private mutating func ask() throws {
        if let open = scene.machine.allRequests.filter({ $0.state == .open }).randomElement(using: &random),
            random.chance(2)
        {
            let reply = AgentRequest.Reply(
                id: ReplyID(name("a"))!, value: Array((random.chance(4) ? "1" : "true").utf8),
                digest: open.opening.digest)
            _ = try scene.machine.answer(open.id, reply, by: random.chance(2) ? scene.ada : scene.bob, at: scene.at)
        } else if let run = some(runs) {
            let opening = AgentRequest.Opening(
                kind: .approval, prompt: "?", arguments: Array("\(random.below(3))".utf8),
                deadline: Timestamp(milliseconds: 0), fallback: random.chance(2) ? Array("false".utf8) : nil)
            let draft = RequestDraft(
                id: AgentRequestID(name("q"))!, opening: opening, milliseconds: Int64(random.below(400)))
            _ = try scene.write([.requestOpened(draft)], run: run)
        }
    }

    private mutating func write() throws {
        guard let run = some(runs) else { return }
        let events = (0..<random.below(5)).map { _ in event(of: run) }
        let known = numbers[run] ?? 0
        let number = random.chance(3) ? nil : random.chance(5) ? UInt64(random.below(Int(known) + 3) + 1) : known + 1
        let written = try scene.write(events, run: run, number: number)
        numbers[run] = written.number
    }

    private mutating func event(of run: String) -> AgentEvent {
        let message = some(messagesOf[run] ?? []) ?? "m\(serial)"
        let part = some(partsOf[run] ?? []) ?? "p\(serial)"
        switch random.below(12) {
        case 0:
            let id = name("m")
            messagesOf[run, default: []].append(id)
            return Scene.message(id)
        case 1, 2:
            let id = name("p")
            partsOf[run, default: []].append(id)
            return Scene.part(id, in: message)
        case 3: return .messageEnded(id: MessageID(message)!)
        case 4 where random.chance(3): return .partEnded(id: PartID(part)!)
        default:
            let length = scene.machine.allMessages.lazy.flatMap(\.parts).first { $0.id.value == part }?.text.count ?? 0
            let offset = random.chance(12) ? length + 1 : random.chance(6) ? random.below(length + 2) : length
            return Scene.append(part, offset, random.text(upTo: 6))
        }
    }
}

@Suite struct `The session machine at random` {
    @Test(arguments: 0..<40) func `replaying the records gives the same state, at every point`(seed: Int) throws {
        var drive = Drive(seed: UInt64(seed))
        for _ in 0..<200 { drive.step() }
        let records = drive.scene.records
        let whole = try #require(SessionMachine(replaying: records))
        #expect(try whole.snapshot() == drive.scene.machine.snapshot(), "seed \(seed)")
        #expect(whole.tail == drive.scene.machine.tail)
        var random = SeededRandom(seed: UInt64(seed) &+ 77)
        let cut = random.below(records.count - 1) + 1
        var pieces = try #require(SessionMachine(replaying: Array(records[..<cut])))
        let isReplayed = pieces.replay(Array(records[cut...]))
        #expect(isReplayed)
        #expect(try pieces.snapshot() == whole.snapshot(), "seed \(seed), cut at \(cut)")
    }

    @Test(arguments: 0..<40) func `the history keeps its rules`(seed: Int) throws {
        var drive = Drive(seed: UInt64(seed))
        for _ in 0..<300 { drive.step() }
        var expected: UInt64 = 1
        var ended: Set<RunID> = []
        var ofRun: [MessageID: RunID] = [:]
        var ofMessage: [PartID: MessageID] = [:]
        var text: [PartID: [UInt8]] = [:]
        var lastAt = Timestamp(milliseconds: 0)
        for record in drive.scene.records where record.kind == .event {
            let event = try #require(Event(stored: record.payload))
            #expect(event.sequence.rawValue == expected)
            #expect(event.at >= lastAt, "time goes back")
            #expect(event.encoded == record.payload)
            expected += 1
            lastAt = event.at
            switch event.body {
            case .runEnded(let end): #expect(ended.insert(end.id).inserted, "seed \(seed): two ends of \(end.id)")
            case .messageStarted(let id, let run?, _, _, _, _):
                ofRun[id] = run
                #expect(!ended.contains(run))
            case .partStarted(let id, let message, _):
                ofMessage[id] = message
                #expect(!ended.contains(ofRun[message]!))
            case .partAppended(let id, let run, let offset, let new):
                #expect(offset == text[id, default: []].count)
                text[id, default: []] += new
                #expect(run == ofRun[ofMessage[id]!] && !ended.contains(run!), "seed \(seed): late output")
                #expect(String(validating: new, as: UTF8.self) != nil)
            case .partEnded(let id, _): #expect(!ended.contains(ofRun[ofMessage[id]!]!))
            default: break
            }
        }
        for message in drive.scene.machine.allMessages {
            for part in message.parts { #expect(part.text == text[part.id, default: []]) }
            if let run = message.run, ended.contains(run) { #expect(message.status != .streaming) }
        }
        for input in drive.scene.machine.allInputs where input.state == .claimed || input.state == .steering {
            let run = try #require(input.run.flatMap { drive.scene.machine.run($0) })
            #expect(!run.state.isOver, "seed \(seed): an input is held by a run that is over")
        }
        try everyCommandComesToItsEnd(&drive, seed)
    }

    /// No accepted command without an end, and no input lost: when all runs have ended and time has passed, nothing is left open.
    private func everyCommandComesToItsEnd(_ drive: inout Drive, _ seed: Int) throws {
        drive.scene.now += 1_000_000
        drive.scene.machine.wake(at: drive.scene.at)
        // Each may be handed on, which is an end only when nobody is left to take it on.
        for _ in 0..<4 {
            for run in drive.scene.machine.activeRunIDs {
                if drive.scene.machine.run(run)?.state == .queued {
                    _ = try drive.scene.run(run.value, agent: try #require(drive.scene.machine.run(run)).agent.value)
                }
                drive.scene.machine.expireLease(of: run, at: drive.scene.at)
            }
        }
        for run in drive.scene.machine.untoldRuns { drive.scene.machine.holderTold(of: run, at: drive.scene.at) }
        drive.scene.now += 1_000_000
        drive.scene.machine.wake(at: drive.scene.at)
        #expect(drive.scene.machine.activeRunIDs.isEmpty, "seed \(seed)")
        #expect(drive.scene.machine.nextWakeUp == nil, "seed \(seed)")
        _ = drive.scene.take()
        var states: [CommandID: Set<String>] = [:]
        for record in drive.scene.records where record.kind == .event {
            switch Event(stored: record.payload)?.body {
            case .commandAccepted(let news): states[news.id, default: []].insert("accepted")
            case .commandApplied(let news), .commandExpired(let news), .commandRejected(let news):
                #expect(states[news.id, default: []].insert("ended").inserted, "seed \(seed): two ends of \(news.id)")
            default: break
            }
        }
        for (command, states) in states { #expect(states.contains("ended"), "seed \(seed): \(command) has no end") }
        for input in drive.scene.machine.allInputs {
            #expect(input.state != .steering && input.state != .claimed, "seed \(seed): \(input.id) is \(input.state)")
        }
    }

    @Test func `the random drive reaches every kind of refusal it can`() {
        var all: [String: Int] = [:]
        for seed in 0..<40 {
            var drive = Drive(seed: UInt64(seed))
            for _ in 0..<300 { drive.step() }
            all.merge(drive.counts) { $0 + $1 }
        }
        for code in [
            "taken", "run_cancelled", "run_ended", "write_gap", "offset_gap", "offset_conflict", "id_taken",
            "message_not_found",
            "part_not_found", "part_ended", "message_ended", "baton_held", "answer_invalid", "run_active", "run_paused",
        ] { #expect(all[code, default: 0] > 0, "never: \(code)") }
    }

    /// A reader's five-line model: text by part, overlap dropped.
    @Test(arguments: 0..<40) func `merged deliveries say the same as the events they stand for`(seed: Int) throws {
        var drive = Drive(seed: UInt64(seed))
        for _ in 0..<200 { drive.step() }
        let events = drive.scene.records.filter { $0.kind == .event }.map {
            Delivery(sequence: $0.sequence, bytes: $0.payload)
        }
        var random = SeededRandom(seed: UInt64(seed))
        let start = random.below(events.count)
        let merged = Delivery.merging(Array(events[start...]), maximumText: random.pick([1, 64, 64 << 10]))
        var next = UInt64(start) + 1
        var texts: [String: [UInt8]] = [:]
        for delivery in merged {
            let value = try JSONDocument.parse(delivery.bytes)
            let sequence = UInt64(try #require(value["seq"]?.integer))
            #expect(UInt64(value["from"]?.integer ?? Int64(sequence)) == next, "seed \(seed): a gap")
            #expect(delivery.sequence.rawValue == sequence)
            next = sequence + 1
            guard value["type"]?.string == "part.appended" else { continue }
            let parts = try value["parts"]?.elements ?? [#require(value["part"])]
            for part in parts {
                let id = try #require(part["id"]?.string)
                let offset = Int(try #require(part["offset"]?.integer))
                if texts[id] == nil { texts[id] = Array(repeating: 0, count: offset) }
                #expect(texts[id]?.count == offset, "seed \(seed): overlapping or missing text")
                texts[id]! += try #require(part["text"]?.textBytes)
            }
        }
        #expect(next == UInt64(events.count) + 1)
        for part in drive.scene.machine.allMessages.flatMap(\.parts) where texts[part.id.value] != nil {
            #expect(texts[part.id.value]!.count == part.text.count)
            #expect(texts[part.id.value]!.suffix(4) == part.text.suffix(4))
        }
    }
}
