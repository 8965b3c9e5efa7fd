import ThroughlineCore
import ThroughlineTestKit

/// One agent's hold of a run.
struct Hold: Hashable, Comparable, CustomStringConvertible {
    var run: String
    var epoch: Int

    var description: String { "\(run) of epoch \(epoch)" }
    static func < (one: Hold, other: Hold) -> Bool { (one.run, one.epoch) < (other.run, other.epoch) }
}

/// What the world outside knows of one session, from what it was told and shown.
final class SessionModel {
    /// What an agent sent for one run, and what was acknowledged of it.
    struct RunModel {
        /// Each write, as the events in short that it brings.
        var sent: [[String]] = []
        var acknowledged = 0
        /// What is in the history.
        var stored: [String] = []
        var end: String?
        /// The ends that its agent asked for.
        var endsAsked: Set<String> = []
        /// When the last call was sent that renewed its lease.
        var contact = Int64.min
    }

    /// An answer that was told it is the one that counts.
    struct Won: Hashable {
        var reply: String
        var by: String
        var value: [UInt8]
    }

    let id: SessionID
    /// Stands in every text of the session, and nowhere else.
    let marker: String
    private(set) var events: [[UInt8]] = []
    private(set) var state = SessionReducer()
    private var checkpoints: [SessionReducer] = [SessionReducer()]
    private var inputOfText: [String: String] = [:]

    var isCreated = false
    var isCloseAsked = false
    var isEraseAsked = false
    /// The store says so.
    var isErased = false
    /// Somebody was told so: then no byte of it is left.
    var isErasureAcknowledged = false
    /// Acknowledged inputs, with all texts that were ever asked for them.
    var inputs: Set<String> = []
    var askedInputs: [String] = []
    var withdrawn: Set<String> = []
    var commands: Set<String> = []
    var runs: [Hold: RunModel] = [:]
    /// Every command that anybody sent.
    var askedCommands: Set<String> = []
    var isBatonAsked = false
    /// Messages of operators, and the inputs that they answer.
    var said: Set<String> = []
    var answered: Set<String> = []
    var won: [String: Won] = [:]
    /// Who watches now, each with the latest time that the wall clock had shown when they came.
    var viewers: [String: Int64] = [:]
    /// The numbers of events that are not for users and observers.
    private(set) var restrictedEvents: Set<UInt64> = []
    let clock: SimulatedClock

    init(_ number: Int, _ clock: SimulatedClock) {
        self.clock = clock
        id = SessionID("s\(number)")!
        marker = "<mark-\(number)-of-session>"
    }

    private static let checkpointEvery = 16

    /// Somebody was shown an event, or it was found in the store: it has to be the same for ever.
    func learn(_ sequence: UInt64, _ bytes: [UInt8]) throws(Violation) {
        let index = Int(sequence) - 1
        guard index >= events.count else {
            guard events[index] == bytes else {
                throw Violation("\(id): event \(sequence) was \(events[index].words) and is \(bytes.words)")
            }
            return
        }
        guard index == events.count, let value = try? JSONDocument.parse(bytes) else {
            throw Violation("\(id): event \(sequence) comes after \(events.count): \(bytes.words)")
        }
        try take(Plain(value))
        events.append(bytes)
        if events.count % Self.checkpointEvery == 0 { checkpoints.append(state) }
    }

    private func take(_ event: Plain) throws(Violation) {
        do {
            if let (run, what) = try state.apply(event) { try check(run, what) }
            if event["type"]?.text == "run.ended" { try checkCause(of: event) }
            if event["type"]?.text == "run.queued" { try checkLoss(of: event) }
            if state.isRestricted(event) { restrictedEvents.insert(UInt64(state.seq)) }
        } catch { throw Violation("\(id): \(error)") }
        if event["type"]?.text == "input.added", let input = event["input"] {
            let text = input["parts"]?.elements.first?["text"]?.text ?? ""
            if let other = inputOfText.updateValue(input["id"]?.text ?? "", forKey: text) {
                throw Violation("\(id): input \(input["id"]?.text ?? "") is \(other) stored again: \(text)")
            }
        }
    }

    /// A run that was active when the session was looked at last, if there is any; rather one that waits for those below it.
    func someActiveRun(_ random: inout SeededRandom) -> RunID? {
        let active = state.runs.order.filter { state.isActive(run: $0) }
        let waiting = active.filter { state.runs.byID[$0]?["waitsForChildren"] != nil }
        let among = waiting.isEmpty ? active : waiting
        return among.isEmpty ? nil : RunID(random.pick(among))
    }

    /// The output of a run is what its agent sent, in order, each write once.
    private func check(_ run: String, _ what: String) throws(Violation) {
        let run = Hold(run: run, epoch: state.epochOf(run: run))
        let position = runs[run]?.stored.count ?? 0
        let expected = (runs[run]?.sent ?? []).lazy.flatMap { $0 }.dropFirst(position).first
        guard expected == what else {
            throw Violation("run \(run) has \"\(what)\" where its agent sent \"\(expected ?? "nothing")\"")
        }
        runs[run]?.stored.append(what)
    }

    /// The state after an event.
    func state(at sequence: Int) throws(Violation) -> SessionReducer {
        var state = checkpoints[min(sequence / Self.checkpointEvery, checkpoints.count - 1)]
        while state.seq < sequence, state.seq < events.count {
            guard let value = try? JSONDocument.parse(events[state.seq]) else { break }
            _ = try state.apply(Plain(value))
        }
        return state
    }

    /// All that was acknowledged is there, and each write is there whole or not at all.
    func checkAcknowledged() throws(Violation) {
        for input in inputs.sorted() where state.inputs.byID[input] == nil { throw missing("input \(input)") }
        for input in withdrawn.sorted() where state.inputs.byID[input]?["state"]?.text != "withdrawn" {
            throw missing("the withdrawal of input \(input)")
        }
        try checkControl()
        for command in commands.sorted() where state.commands.byID[command] == nil {
            throw missing("command \(command)")
        }
        for (id, run) in runs.sorted(by: { $0.key < $1.key }) {
            var count = 0
            var length = 0
            while count < run.sent.count, length < run.stored.count {
                length += run.sent[count].count
                count += 1
            }
            // One that only answers a command leaves nothing that could be compared.
            while count < run.sent.count, run.sent[count].isEmpty { count += 1 }
            guard length == run.stored.count else {
                throw Violation("\(self.id): write \(count) of run \(id) is there in part")
            }
            if count < run.acknowledged {
                throw missing("write \(run.acknowledged) of run \(id), of which \(count) are there")
            }
            if let end = run.end, !state.hasEnded(id.run, as: end) { throw missing("the end of run \(id) as \(end)") }
        }
    }

    func missing(_ what: String) -> Violation {
        Violation("\(id): acknowledged, and not there: \(what); events: \(events.count)")
    }
}

extension [UInt8] {
    var words: String { String(decoding: prefix(300), as: UTF8.self) }
}
