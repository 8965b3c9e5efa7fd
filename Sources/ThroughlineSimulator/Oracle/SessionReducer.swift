import ThroughlineCore

/// The protocol's model, written a fourth time and on its own: events in, the state of the session out, and an error at
/// anything that must not be.
struct SessionReducer {
    struct Items {
        var order: [String] = []
        var byID: [String: Plain] = [:]

        var all: [Plain] { order.compactMap { byID[$0] } }
    }

    var seq = 0
    var session = Plain.object([:])
    var inputs = Items()
    var runs = Items()
    var messages = Items()
    var commands = Items()
    var requests = Items()
    /// Those without an end, in order.
    var openRequests: [String] = []
    var baton: Plain?
    var batonTimeouts = 0
    /// The messages that are not for everyone.
    private var restricted: Set<String> = []
    /// The queued inputs in the order in which they are handed out.
    var queue: [String] = []
    /// The parts of each message in order, and which message a part is in.
    private var partsOf: [String: [String]] = [:]
    private var parts: [String: Plain] = [:]
    private var texts: [String: [UInt8]] = [:]
    private var messageOf: [String: String] = [:]
    var lastAt = 0
    /// As what the runs will end, or have ended, that had to wait for those below them.
    var held: [String: String] = [:]
    /// The epoch in which each run was last left without an agent.
    var lost: [String: Int] = [:]
    var branches: [(siblings: [String], selected: String)] = []

    /// - Returns: The run whose output this is, and it in short, where it is an agent's.
    mutating func apply(_ event: Plain) throws(Violation) -> (run: String, what: String)? {
        guard let number = event["seq"]?.number, number == seq + 1 else {
            throw Violation("event \(event["seq"]?.text ?? "without a number") follows \(seq)")
        }
        seq = number
        let at = event["at"]?.number ?? -1
        guard at >= lastAt else { throw Violation("event \(seq) is of \(at), the one before of \(lastAt)") }
        lastAt = at
        switch event["type"]?.text ?? "" {
        case "session.created", "session.updated", "session.closed":
            for name in event["session"]?.names ?? [] { session[name] = event["session"]?[name] }
            if seq == 1 { session["created"] = event["at"] }
        case "input.added": try addInput(event)
        case "input.updated": try updateInput(event)
        case "input.withdrawn": try withdrawInput(event)
        case "run.started": try startRun(event)
        case "run.updated", "run.waiting", "run.resumed": try changeRun(event)
        case "branch.switched": try switchBranch(event)
        case "run.queued": try queueRun(event)
        case "run.adopted": try adoptRun(event)
        case "run.ended": try endRun(event)
        case "step.started": return try startStep(event)
        case "step.ended": return try endStep(event)
        case "message.started": return try startMessage(event)
        case "message.ended": return try endMessage(event)
        case "part.started": return try startPart(event)
        case "part.appended": return try append(event)
        case "part.ended": return try endPart(event)
        case "command.requested": try add(to: \.commands, event, "command", state: "requested")
        case "command.accepted", "command.rejected", "command.deferred", "command.applied", "command.expired":
            try changeCommand(event)
        case "input.answered": try answerInput(event)
        case "baton.taken": try takeBaton(event)
        case "baton.returned": try returnBaton(event)
        case "request.opened": return try openRequest(event)
        case "request.resolved", "request.expired", "request.withdrawn": try settleRequest(event)
        case let type: throw Violation("event \(seq) is of the unknown type \(type)")
        }
        return nil
    }

    /// Whether users and observers may not see an event that was just applied.
    func isRestricted(_ event: Plain) -> Bool {
        guard !restricted.isEmpty else { return false }
        if let part = event["part"]?["id"]?.text { return restricted.contains(messageOf[part] ?? "") }
        return restricted.contains(event["message"]?["id"]?.text ?? "")
    }

    /// What `GET /v1/sessions/{id}` has to show; users and observers do not see what is whispered.
    func snapshot(withWhispers: Bool) -> Plain {
        let visible = messages.all.filter { withWhispers || !restricted.contains($0["id"]?.text ?? "") }
        let shown = visible.map { message in
            var message = message
            let id = message["id"]?.text ?? ""
            message["parts"] = .array(
                (partsOf[id] ?? []).map { part in
                    var shown = parts[part] ?? .object([:])
                    shown["text"] = .string(String(decoding: texts[part] ?? [], as: UTF8.self))
                    return shown
                })
            return message
        }
        var state = Plain.object([
            "seq": .other("\(seq)"), "session": session, "inputs": .array(inputs.all),
            "queue": .array(queue.map { .string($0) }), "runs": .array(runs.all),
            "messages": .array(shown), "commands": .array(commands.all), "requests": .array(requests.all),
        ])
        state["baton"] = baton
        guard !branches.isEmpty else { return state }
        let siblings = branches.map { branch in
            Plain.object([
                "siblings": .array(branch.siblings.map { .string($0) }), "selected": .string(branch.selected),
            ])
        }
        state["branches"] = .array(siblings)
        return state
    }

    func text(ofMessage id: String) -> String {
        (partsOf[id] ?? []).map { String(decoding: texts[$0] ?? [], as: UTF8.self) }.joined(separator: "|")
    }

    func stateOf(run: String) -> String? { runs.byID[run]?["state"]?.text }
    /// Whether a run is, or was since, another agent's than that of this epoch, or nobody's.
    func hasLost(_ run: String, epoch: Int) -> Bool { epochOf(run: run) > epoch || lost[run] ?? 0 >= epoch }

    func epochOf(run: String) -> Int { runs.byID[run]?["epoch"]?.number ?? 0 }

    func isActive(run: String) -> Bool { ["active", "waiting"].contains(stateOf(run: run)) }

    /// Whether its agent may write: it is active, and does not only wait for those below it.
    func takesOutput(run: String) -> Bool { isActive(run: run) && held[run] == nil }

    // MARK: One method for each kind of event

    mutating func add(
        to items: WritableKeyPath<Self, Items>, _ event: Plain, _ member: String, state: String?
    ) throws(Violation) {
        guard var item = event[member], let id = item["id"]?.text else {
            throw Violation("event \(seq) has no \(member)")
        }
        guard self[keyPath: items].byID[id] == nil else { throw Violation("event \(seq) makes \(member) \(id) again") }
        item["seq"] = event["seq"]
        item["at"] = event["at"]
        if member != "run" { item["by"] = event["by"] }
        if let state { item["state"] = .string(state) }
        self[keyPath: items].order.append(id)
        self[keyPath: items].byID[id] = item
    }

    mutating func change(
        _ items: WritableKeyPath<Self, Items>, _ id: Plain?, _ body: (inout Plain) -> Void
    ) throws(Violation) {
        guard let id = id?.text, self[keyPath: items].byID[id] != nil else {
            throw Violation("event \(seq) is about \(id?.text ?? "nothing"), which no event has made")
        }
        body(&self[keyPath: items].byID[id]!)
    }

    private mutating func addInput(_ event: Plain) throws(Violation) {
        try add(to: \.inputs, event, "input", state: "queued")
        let id = event["input"]?["id"]?.text ?? ""
        inputs.byID[id]?["before"] = nil
        enqueue(id, before: event["input"]?["before"])
        try addSibling(event)
    }

    private mutating func updateInput(_ event: Plain) throws(Violation) {
        guard let input = event["input"], let id = input["id"]?.text, queue.contains(id) else {
            throw Violation("event \(seq) changes an input that is not queued")
        }
        if let parts = input["parts"] { try change(\.inputs, input["id"]) { $0["parts"] = parts } }
        guard input["before"] != nil else { return }
        queue.removeAll { $0 == id }
        enqueue(id, before: input["before"])
    }

    private mutating func withdrawInput(_ event: Plain) throws(Violation) {
        guard let id = event["input"]?["id"]?.text, queue.contains(id) else {
            throw Violation("event \(seq) withdraws an input that is not queued")
        }
        queue.removeAll { $0 == id }
        try change(\.inputs, event["input"]?["id"]) {
            $0["state"] = .string("withdrawn")
            $0["reason"] = event["input"]?["reason"]
        }
        leaveBranch(id)
    }

    mutating func enqueue(_ id: String, before other: Plain?) {
        let place = other.flatMap { other in queue.firstIndex(of: other.text) }
        queue.insert(id, at: place ?? queue.count)
    }

    private mutating func startMessage(_ event: Plain) throws(Violation) -> (run: String, what: String)? {
        try add(to: \.messages, event, "message", state: nil)
        let id = event["message"]?["id"]?.text ?? ""
        messages.byID[id]?["status"] = .string("streaming")
        if event["message"]?["audience"] != nil { restricted.insert(id) }
        guard let run = event["message"]?["run"]?.text else { return nil }
        try requireActive(run)
        try requireNoBaton()
        try requireFamily(of: run)
        return (run, "message \(id)")
    }

    private mutating func endMessage(_ event: Plain) throws(Violation) -> (run: String, what: String)? {
        let id = event["message"]?["id"]
        let status = event["message"]?["status"]
        try change(\.messages, id) { $0["status"] = status }
        return try agents(id?.text ?? "", status, "end \(id?.text ?? "")")
    }

    private mutating func startPart(_ event: Plain) throws(Violation) -> (run: String, what: String)? {
        guard var part = event["part"], let id = part["id"]?.text, let message = part["message"]?.text,
            parts[id] == nil, messages.byID[message] != nil
        else { throw Violation("event \(seq) makes a part again, or in no message") }
        part["message"] = nil
        part["status"] = .string("streaming")
        parts[id] = part
        messageOf[id] = message
        partsOf[message, default: []].append(id)
        return try agents(message, .string("complete"), "part \(id)")
    }

    private mutating func append(_ event: Plain) throws(Violation) -> (run: String, what: String)? {
        guard let part = event["part"], let id = part["id"]?.text, let text = part["text"]?.text,
            let message = messageOf[id]
        else { throw Violation("event \(seq) appends to nothing") }
        let length = texts[id]?.count ?? 0
        guard part["offset"]?.number == length, parts[id]?["status"]?.text == "streaming" else {
            throw Violation("event \(seq) appends to \(id) at \(part["offset"]?.text ?? "?"), which ends at \(length)")
        }
        texts[id, default: []].append(contentsOf: Array(text.utf8))
        return try agents(message, .string("complete"), "append \(id) \(length) \(text)")
    }

    private mutating func endPart(_ event: Plain) throws(Violation) -> (run: String, what: String)? {
        guard let id = event["part"]?["id"]?.text, parts[id]?["status"]?.text == "streaming" else {
            throw Violation("event \(seq) ends a part again, or none")
        }
        parts[id]?["status"] = event["part"]?["status"]
        return try agents(messageOf[id] ?? "", event["part"]?["status"], "end \(id)")
    }

    private mutating func changeCommand(_ event: Plain) throws(Violation) {
        let state = event["type"]?.text.split(separator: ".").last.map(String.init) ?? ""
        guard let command = event["command"], let id = command["id"], let before = commands.byID[id.text] else {
            throw Violation("event \(seq) is about a command that no event has made")
        }
        let expected = ["accepted": "requested", "rejected": "requested"][state] ?? "accepted"
        guard before["state"]?.text == expected else {
            throw Violation("event \(seq): command \(id.text) is \(before["state"]?.text ?? "") and becomes \(state)")
        }
        try change(\.commands, id) {
            if state != "deferred" { $0["state"] = .string(state) }
            for name in command.names where name != "id" { $0[name] = command[name] }
        }
        if let input = before["input"] { try follow(input, of: commands.byID[id.text], state) }
        try checkBaton(after: commands.byID[id.text] ?? before)
    }

    /// A steer that was sent as an input takes it along.
    private mutating func follow(_ input: Plain, of command: Plain?, _ state: String) throws(Violation) {
        let run = command?["run"]
        switch (state, inputs.byID[input.text]?["state"]?.text) {
        case ("accepted", "queued"):
            queue.removeAll { $0 == input.text }
            try change(\.inputs, input) {
                $0["state"] = .string("steering")
                $0["run"] = run
            }
        case ("applied", "steering"):
            try change(\.inputs, input) { $0["state"] = .string("claimed") }
            try change(\.runs, run) { $0["inputs"] = .array(($0["inputs"]?.elements ?? []) + [input]) }
        case ("expired", "steering"):
            try change(\.inputs, input) {
                $0["state"] = .string("queued")
                $0["run"] = nil
            }
            queue.append(input.text)
        default: break
        }
    }

    /// An agent's output, for its run must be active; what the server ends for it has another status.
    func agents(
        _ message: String, _ status: Plain?, _ what: String
    ) throws(Violation) -> (run: String, what: String)? {
        guard let run = messages.byID[message]?["run"]?.text else { return nil }
        try requireActive(run)
        guard status?.text == "complete" else { return nil }
        try requireNoBaton()
        try requireFamily(of: run)
        return (run, what)
    }

    func requireActive(_ run: String) throws(Violation) {
        guard takesOutput(run: run) else {
            throw Violation("event \(seq) is of run \(run), which has ended")
        }
    }
}
