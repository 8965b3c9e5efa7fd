extension Event {
    /// Reads an event back from the bytes that ``encoded`` made; `nil` if they are not such bytes.
    public init?(stored bytes: [UInt8]) {
        guard let value = try? JSONDocument.parse(bytes),
            let sequence = value["seq"]?.integer.flatMap(UInt64.init(exactly:)), let at = value["at"]?.integer,
            let type = value["type"]?.string, let body = EventBody(type: type, stored: value)
        else { return nil }
        self.init(
            sequence: SequenceNumber(sequence), at: Timestamp(milliseconds: at),
            by: Participant(stored: value["by"]), body: body)
    }
}

extension EventBody {
    fileprivate init?(type: String, stored value: JSONValue) {
        let body: EventBody? =
            switch type.prefix(while: { $0 != "." }) {
            case "session": EventBody.session(type: type, value)
            case "input": EventBody.input(type: type, value)
            case "run": EventBody.run(type: type, value)
            case "message": EventBody.message(type: type, value)
            case "part": EventBody.part(type: type, value)
            case "command": EventBody.command(type: type, value)
            case "baton": BatonEvent(type: type, stored: value).map { .baton($0) }
            case "request": RequestEvent(type: type, stored: value).map { .request($0) }
            default: nil
            }
        guard let body else { return nil }
        self = body
    }

    private static func session(type: String, _ value: JSONValue) -> EventBody? {
        guard let info = SessionInfo(stored: value["session"]) else { return nil }
        switch type {
        case "session.created": return .sessionCreated(info)
        case "session.updated": return .sessionUpdated(info)
        case "session.closed": return .sessionClosed(info)
        default: return nil
        }
    }

    private static func input(type: String, _ value: JSONValue) -> EventBody? {
        guard let input = value["input"], let id: InputID = input.id("id") else { return nil }
        let parts = input["parts"]?.elements.compactMap(InputPart.init(stored:)) ?? []
        switch type {
        case "input.added": return .inputAdded(id: id, agent: input.id("agent"), parts: parts)
        case "input.updated": return .inputUpdated(id: id, parts: parts)
        case "input.answered": return input.id("message").map { .inputAnswered(id: id, message: $0) }
        case "input.withdrawn": return .inputWithdrawn(id: id, command: value.id("command"))
        default: return nil
        }
    }

    private static func run(type: String, _ value: JSONValue) -> EventBody? {
        guard let run = value["run"], let id: RunID = run.id("id") else { return nil }
        switch type {
        case "run.started":
            guard let agent: AgentName = run.id("agent"),
                let epoch = run["epoch"]?.integer.flatMap(UInt64.init(exactly:)),
                let lease = run["lease"]?["milliseconds"]?.integer
            else { return nil }
            let inputs: [InputID] = run["inputs"]?.elements.compactMap { $0.string.flatMap { InputID($0) } } ?? []
            return .runStarted(
                RunStart(
                    id: id, agent: agent, label: run["label"]?.string, parent: run.id("parent"), inputs: inputs,
                    epoch: epoch, leaseMilliseconds: lease, budget: run["budget"].flatMap { RunBudget($0) }))
        case "run.ended":
            guard let reason = run["reason"]?.string.flatMap(Run.State.init) else { return nil }
            return .runEnded(
                RunEnd(
                    id: id, reason: reason, usage: run["usage"].map { Array($0.source) },
                    error: RunError(stored: run["error"]), command: run.id("command")))
        default: return nil
        }
    }

    private static func message(type: String, _ value: JSONValue) -> EventBody? {
        guard let message = value["message"], let id: MessageID = message.id("id") else { return nil }
        switch type {
        case "message.started":
            guard let role = message["role"]?.string.flatMap(MessageRole.init) else { return nil }
            return .messageStarted(
                id: id, run: message.id("run"), role: role, parent: message.id("parent"),
                audience: Audience(stored: message["audience"]))
        case "message.ended":
            return message.status.map { .messageEnded(id: id, status: $0) }
        default: return nil
        }
    }

    private static func part(type: String, _ value: JSONValue) -> EventBody? {
        guard let part = value["part"], let id: PartID = part.id("id") else { return nil }
        switch type {
        case "part.started":
            guard let message: MessageID = part.id("message"), let head = PartHead(stored: part) else { return nil }
            return .partStarted(id: id, message: message, head: head)
        case "part.appended":
            guard let offset = part["offset"]?.integer, offset >= 0, let text = part["text"]?.textBytes else {
                return nil
            }
            return .partAppended(id: id, run: value.id("run"), offset: Int(offset), text: text)
        case "part.ended":
            return part.status.map { .partEnded(id: id, status: $0) }
        default: return nil
        }
    }

    private static func command(type: String, _ value: JSONValue) -> EventBody? {
        guard let command = value["command"], let id: CommandID = command.id("id") else { return nil }
        switch type {
        case "command.requested":
            return Command.Target(stored: command["target"]).map { .commandRequested(id: id, target: $0) }
        case "command.accepted": return .commandAccepted(id: id)
        case "command.rejected": return .commandRejected(id: id, reason: command["reason"]?.string ?? "")
        case "command.applied": return .commandApplied(id: id)
        default: return nil
        }
    }
}

extension JSONValue {
    /// The member as an identifier; `nil` where it is absent, no string, or not legal.
    public func id<Tag>(_ name: StaticString) -> Identifier<Tag>? {
        self[name]?.string.flatMap { Identifier<Tag>($0) }
    }

    fileprivate var status: PieceStatus? { self["status"]?.string.flatMap(PieceStatus.init) }
}

extension SessionInfo {
    fileprivate init?(stored value: JSONValue?) {
        guard let value, let id: SessionID = value.id("id"), let metadata = value["metadata"],
            let state = value["state"]?.string.flatMap(State.init)
        else { return nil }
        self.init(id: id, title: value["title"]?.string ?? "", metadata: Array(metadata.source), state: state)
    }
}

extension PartHead {
    init?(stored value: JSONValue) {
        guard let kind = value["kind"]?.string.flatMap(PartKind.init) else { return nil }
        self.init(
            kind: kind, name: value["name"]?.string, call: value["call"]?.string,
            mediaType: value["mediaType"]?.string, url: value["url"]?.string, title: value["title"]?.string,
            audience: Audience(stored: value["audience"]))
    }
}

extension InputPart {
    fileprivate init?(stored value: JSONValue) {
        guard let head = PartHead(stored: value), let text = value["text"]?.textBytes else { return nil }
        self.init(head: head, text: text)
    }
}

extension RunError {
    fileprivate init?(stored value: JSONValue?) {
        guard let value, let code = value["code"]?.string else { return nil }
        self.init(code: code, message: value["message"]?.string ?? "")
    }
}

extension Command.Target {
    fileprivate init?(stored value: JSONValue?) {
        guard let value else { return nil }
        if let id: RunID = value.id("run") {
            self = .run(id)
        } else if let id: InputID = value.id("input") {
            self = .input(id)
        } else if let name: AgentName = value.id("agent") {
            self = .agent(name)
        } else if value["mine"]?.boolean == true {
            self = .mine
        } else if value["all"]?.boolean == true {
            self = .all
        } else {
            return nil
        }
    }
}
