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
        case "message.started": return try messageStarted(member(value, "message"))
        case "message.ended":
            let message = try member(value, "message")
            return .messageEnded(id: try requiredID(message, "id"), status: try status(message))
        default:
            throw Refusal(
                .eventUnsupported,
                "An agent writes message.started, message.ended, part.started, part.appended, part.ended and request.opened."
            )
        }
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
            audience: try audience(message))
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
