import ThroughlineCore
import ThroughlineTestKit

/// A run that an agent holds, and what it is going to write: decided at the start, so that a repeated write says the same.
struct Job {
    let session: SessionModel
    let run: RunID
    private(set) var epoch: UInt64
    private(set) var token: String
    let lease: Int64
    var writes: [[AgentEvent]] = []
    /// All up to this number are acknowledged.
    var acknowledged = 0
    /// All up to this number were sent.
    var sent = 0
    var end = Run.State.completed
    /// The requests whose ends it waits for.
    var awaited: Set<String> = []
    /// After this write nothing more is sent: the run is paused.
    var lastBeforePause: Int?
    /// The tokens that it has used, where there is a limit to them.
    var used: Int?
    /// It writes no more, and ends its run as failed.
    var hasGivenUp = false
    /// The commands that it has heard of, and those of them that go with the next write.
    private var heard: Set<CommandID> = []
    private var toCarryOut: [CommandID] = []

    /// - Parameter pieces: The most events of one write.
    init(
        session: SessionModel, run: RunID, epoch: UInt64, token: String, lease: Int64, pieces: Int,
        _ random: inout SeededRandom
    ) {
        self.session = session
        self.run = run
        self.epoch = epoch
        self.token = token
        self.lease = lease
        plan(pieces, &random)
        if session.runs[hold] == nil { session.runs[hold] = SessionModel.RunModel() }
    }

    var hold: Hold { Hold(run: run.value, epoch: Int(epoch)) }

    private mutating func plan(_ pieces: Int, _ random: inout SeededRandom) {
        for number in 0...random.below(2) {
            let step = StepID("step\(number)")!
            if random.chance(4) { attempt(step, "\(number)a", pieces, &random) }
            attempt(step, "\(number)", pieces, &random)
            let message = MessageID("\(run.value).\(epoch)-m\(number)")!
            let part = PartID("\(run.value).\(epoch)-p\(number)")!
            writes.append([.partEnded(id: part), .messageEnded(id: message), .stepEnded(id: step)])
        }
        if random.chance(5) {
            end = .failed
            writes.removeLast(random.below(writes.count))
        }
    }

    /// Begins a step, or begins it again, and leaves its message open.
    private mutating func attempt(_ step: StepID, _ name: String, _ pieces: Int, _ random: inout SeededRandom) {
        let message = MessageID("\(run.value).\(epoch)-m\(name)")!
        let part = PartID("\(run.value).\(epoch)-p\(name)")!
        writes.append([
            .stepStarted(id: step), .messageStarted(id: message),
            .partStarted(id: part, message: message, head: PartHead(kind: .text)),
        ])
        var offset = 0
        for index in 0..<random.below(8) {
            var events: [AgentEvent] = []
            for piece in 0...random.below(pieces) {
                let text = Array("\(session.marker) \(index).\(piece) \(random.text(upTo: 12)) ".utf8)
                events.append(.partAppended(id: part, offset: offset, text: text))
                offset += text.count
            }
            writes.append(events)
            if random.chance(4) { ask("\(name).\(index)", &random) }
        }
    }

    /// Whether there is no write of which it is not known if it was taken.
    var isCertain: Bool { session.runs[hold]?.sent.count == acknowledged }

    /// Goes on as another process, which has all that was acknowledged.
    mutating func adopted(_ token: String, _ epoch: UInt64) {
        self.token = token
        self.epoch = epoch
        writes.removeFirst(acknowledged)
        lastBeforePause = lastBeforePause.map { max(0, $0 - acknowledged) }
        acknowledged = 0
        sent = 0
        session.runs[hold] = SessionModel.RunModel()
    }

    /// Tells the oracle what is about to be sent.
    mutating func willSend(_ number: Int) {
        let model = session.runs[hold]!
        guard model.sent.count < number else { return }
        writes[number - 1] += toCarryOut.map { .commandApplied(id: $0) }
        toCarryOut = []
        session.runs[hold]!.sent.append(writes[number - 1].compactMap(\.inShort))
    }

    /// Whether there is something to send.
    var hasMore: Bool { sent < min(writes.count, lastBeforePause ?? .max) }

    /// Hears of what it has to carry out. What pauses and what ends a pause is a write of its own.
    mutating func hear(_ commands: JSONValue?) {
        guard !hasGivenUp else { return }
        for command in commands?.elements ?? [] {
            guard let id: CommandID = command.id("id"), heard.insert(id).inserted else { continue }
            switch command["verb"]?.string {
            case "pause", "resume":
                let next = session.runs[hold]!.sent.count
                writes.insert([.commandApplied(id: id)], at: next)
                lastBeforePause = command["verb"]?.string == "pause" ? next + 1 : nil
            default: toCarryOut.append(id)
            }
        }
    }
}

extension AgentEvent {
    /// As the oracle's reducer names what it finds.
    fileprivate var inShort: String? {
        switch self {
        case .messageStarted(let id, _, _, _, _): "message \(id)"
        case .messageEnded(let id, _): "end \(id)"
        case .partStarted(let id, _, _): "part \(id)"
        case .partAppended(let id, let offset, let text):
            "append \(id) \(offset) \(String(decoding: text, as: UTF8.self))"
        case .partEnded(let id, _): "end \(id)"
        case .stepStarted(let id, _, _): "step \(id)"
        case .stepEnded(let id, _): "end step \(id)"
        case .requestOpened(let draft): "request \(draft.id)"
        case .requestWithdrawn, .runUpdated, .runWaiting, .runResumed, .commandApplied, .commandDeferred: nil
        }
    }
}
