extension OperationDecoder {
    /// An agent's events: an array of them, or one.
    public func agentEvents(_ value: JSONValue) throws(Refusal) -> [AgentEvent] {
        guard value.kind == .array else { return [try agentEvent(value)] }
        guard value.count <= limits.eventsPerWrite else {
            throw Refusal(.tooLarge, "One write takes at most \(limits.eventsPerWrite) events. Send it in pieces.")
        }
        var events: [AgentEvent] = []
        events.reserveCapacity(value.count)
        for element in value.elements { events.append(try agentEvent(element)) }
        return events
    }

    private func agentEvent(_ value: JSONValue) throws(Refusal) -> AgentEvent {
        guard value.kind == .object, let type = value["type"]?.string else {
            throw Refusal(.eventInvalid, "An event is an object with a type.")
        }
        switch type {
        case "part.appended": return try appended(member(value, "part"))
        case "part.started": return try started(member(value, "part"))
        case "part.ended":
            let part = try member(value, "part")
            return .partEnded(id: try requiredID(part, "id"), status: try status(part))
        case "request.opened": return try requestOpened(member(value, "request"))
        case "request.withdrawn": return .requestWithdrawn(id: try requiredID(try member(value, "request"), "id"))
        case "message.started": return try messageStarted(member(value, "message"))
        case "step.started": return try stepStarted(member(value, "step"))
        case "step.ended":
            let step = try member(value, "step")
            return .stepEnded(id: try requiredID(step, "id"), status: try status(step))
        case "message.ended":
            let message = try member(value, "message")
            return .messageEnded(id: try requiredID(message, "id"), status: try status(message))
        case "run.updated": return try runUpdated(member(value, "run"))
        case "run.waiting": return .runWaiting(reason: try waitReason(member(value, "run")))
        case "run.resumed": return .runResumed
        case "command.applied": return .commandApplied(id: try requiredID(try member(value, "command"), "id"))
        case "command.deferred": return .commandDeferred(id: try requiredID(try member(value, "command"), "id"))
        default:
            throw Refusal(
                .eventUnsupported,
                "An agent writes step.*, message.*, part.*, request.opened, request.withdrawn, run.updated, run.waiting, "
                    + "run.resumed, command.applied and command.deferred.")
        }
    }

    private func runUpdated(_ run: JSONValue) throws(Refusal) -> AgentEvent {
        let label = try text(run, "label", maximum: limits.label)
        var progress: [UInt8]?
        if let given = run["progress"] {
            guard given.kind == .object, given.source.count <= limits.usage,
                given.members.allSatisfy({ $0.name == "fraction" || $0.name == "text" })
            else { throw invalid("progress", "is a small object of fraction and text") }
            if let fraction = given["fraction"], !fraction.isFraction {
                throw invalid("progress.fraction", "is a number from 0 to 1")
            }
            _ = try text(given, "text", maximum: limits.label)
            progress = given.compact
        }
        let usage = try usage(run)
        guard label != nil || progress != nil || usage != nil else {
            throw Refusal(.eventInvalid, "A run.updated brings a label, a progress or a usage.")
        }
        return .runUpdated(label: label, progress: progress, usage: usage)
    }

    private func waitReason(_ run: JSONValue) throws(Refusal) -> String {
        guard let reason = try text(run, "reason", maximum: limits.waitReason), !reason.isEmpty else {
            throw missing("run.reason")
        }
        guard reason != Run.Wait.paused, reason != Run.Wait.children else {
            throw invalid("run.reason", "is not for an agent to say: paused and children are the server's")
        }
        return reason
    }

    private func member(_ value: JSONValue, _ name: StaticString) throws(Refusal) -> JSONValue {
        guard let member = value[name], member.kind == .object else {
            throw Refusal(.eventInvalid, "The event needs an object \(name).")
        }
        return member
    }

    private func appended(_ part: JSONValue) throws(Refusal) -> AgentEvent {
        guard let offset = part["offset"]?.integer, offset >= 0 else {
            throw Refusal(.eventInvalid, "An append needs an offset: the UTF-8 bytes before it in the part.")
        }
        guard let text = part["text"]?.textBytes else { throw Refusal(.eventInvalid, "An append needs a text.") }
        guard text.count <= limits.appendText else {
            throw Refusal(.tooLarge, "An append has at most \(limits.appendText) bytes. Send it in pieces.")
        }
        return .partAppended(id: try requiredID(part, "id"), offset: Int(offset), text: text)
    }

    private func started(_ part: JSONValue) throws(Refusal) -> AgentEvent {
        guard part["text"] == nil else {
            throw Refusal(.eventInvalid, "A part starts empty. Send its text with part.appended.")
        }
        return .partStarted(
            id: try requiredID(part, "id"), message: try requiredID(part, "message"), head: try head(part))
    }

    private func messageStarted(_ message: JSONValue) throws(Refusal) -> AgentEvent {
        var role = MessageRole.assistant
        if let given = message["role"] {
            guard let known = given.string.flatMap(MessageRole.init), known != .operator else {
                throw invalid("role", "is assistant, user, system or tool")
            }
            role = known
        }
        return .messageStarted(
            id: try requiredID(message, "id"), role: role, parent: try optionalID(message, "parent"),
            step: try optionalID(message, "step"), audience: try audience(message))
    }

    private func stepStarted(_ step: JSONValue) throws(Refusal) -> AgentEvent {
        var attempt: Int?
        if let given = step["attempt"], !given.isNull {
            guard let number = given.integer, (1...1_000_000).contains(number) else {
                throw invalid("attempt", "is a number from 1")
            }
            attempt = Int(number)
        }
        return .stepStarted(
            id: try requiredID(step, "id"), attempt: attempt, label: try text(step, "label", maximum: limits.label))
    }

    private func status(_ value: JSONValue) throws(Refusal) -> PieceStatus {
        switch value["status"]?.string {
        case nil where value["status"] == nil: return .complete
        case "complete": return .complete
        case "interrupted": return .interrupted
        default: throw invalid("status", "is complete or interrupted")
        }
    }
}

extension JSONValue {
    /// A number from 0 to 1.
    fileprivate var isFraction: Bool {
        kind == .number && Double(String(decoding: source, as: UTF8.self)).map { (0...1).contains($0) } == true
    }
}
