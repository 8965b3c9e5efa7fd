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
            case "branch" where type == "branch.switched":
                value["branch"]?.id("input").map { EventBody.branchSwitched(input: $0) }
            case "run": EventBody.run(type: type, value)
            case "message": EventBody.message(type: type, value)
            case "step": EventBody.step(type: type, value)
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
        let parts = InputPart.list(stored: input["parts"])
        switch type {
        case "input.added":
            return .inputAdded(
                InputAddition(
                    id: id, agent: input.id("agent"), parts: parts ?? [],
                    followUp: input["followUp"]?.string.flatMap(FollowUp.init) ?? .queue, before: input.id("before"),
                    command: input.id("command"),
                    place: BranchPlace(
                        replaces: input.id("replaces"), isRegeneration: input["regenerates"]?.boolean == true,
                        after: input.id("after"))))
        case "input.updated":
            let isLast = input["before"]?.isNull == true
            return .inputUpdated(
                InputChange(
                    id: id, parts: parts, place: isLast ? .last : input.id("before").map { .before($0) }))
        case "input.withdrawn":
            return .inputWithdrawn(id: id, command: value.id("command"), reason: input["reason"]?.string)
        case "input.answered": return input.id("message").map { .inputAnswered(id: id, message: $0) }
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
                    epoch: epoch, leaseMilliseconds: lease,
                    waitsForChildren: run["waitsForChildren"]?.boolean ?? false,
                    accepts: run["accepts"]?.elements.compactMap { $0.string.flatMap(Command.Verb.init) },
                    budget: run["budget"].flatMap { RunBudget($0) },
                    attempt: run.count("attempt") ?? 1, attempts: run.count("attempts") ?? 1))
        case "run.updated":
            return .runUpdated(
                RunUpdate(
                    id: id, label: run["label"]?.string, progress: run["progress"].map { Array($0.source) },
                    usage: run["usage"].map { Array($0.source) }))
        case "run.waiting":
            guard let reason = run["reason"]?.string else { return nil }
            return .runWaiting(
                RunWait(
                    id: id, reason: reason, command: run.id("command"), end: run["end"].flatMap(RunEnd.init(stored:))))
        case "run.resumed": return .runResumed(id: id, command: run.id("command"))
        case "run.ended": return RunEnd(stored: run).map { .runEnded($0) }
        case "run.adopted":
            guard let epoch = run["epoch"]?.integer.flatMap(UInt64.init(exactly:)),
                let lease = run["lease"]?["milliseconds"]?.integer
            else { return nil }
            return .runAdopted(id: id, epoch: epoch, leaseMilliseconds: lease)
        case "run.queued":
            guard let attempt = run.count("attempt"), let notBefore = run["notBefore"]?.integer else { return nil }
            return .runQueued(
                RunHandOn(id: id, attempt: attempt, notBefore: Timestamp(milliseconds: notBefore)))
        default: return nil
        }
    }

    private static func step(type: String, _ value: JSONValue) -> EventBody? {
        guard let step = value["step"], let id: StepID = step.id("id"), let run: RunID = step.id("run") else {
            return nil
        }
        switch type {
        case "step.started":
            guard let attempt = step.count("attempt") else { return nil }
            return .stepStarted(id: id, run: run, attempt: attempt, label: step["label"]?.string)
        case "step.ended":
            return step.status.map { .stepEnded(id: id, run: run, status: $0) }
        default: return nil
        }
    }

    private static func message(type: String, _ value: JSONValue) -> EventBody? {
        guard let message = value["message"], let id: MessageID = message.id("id") else { return nil }
        switch type {
        case "message.started":
            guard let role = message["role"]?.string.flatMap(MessageRole.init) else { return nil }
            return .messageStarted(
                id: id, run: message.id("run"), role: role, parent: message.id("parent"), step: message.id("step"),
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
        let news = CommandNews(
            id: id, reason: command["reason"]?.string, run: command.id("run"), input: command.id("input"),
            outcome: command["outcome"]?.string, expires: command["expires"]?.integer.map(Timestamp.init(milliseconds:))
        )
        switch type {
        case "command.requested":
            return CommandOrder(stored: command).map {
                .commandRequested(id: id, order: $0, input: command.id("input"))
            }
        case "command.accepted": return .commandAccepted(news)
        case "command.rejected": return .commandRejected(news)
        case "command.deferred": return .commandDeferred(news)
        case "command.applied": return .commandApplied(news)
        case "command.expired": return .commandExpired(news)
        default: return nil
        }
    }
}

extension JSONValue {
    /// The member as an identifier; `nil` where it is absent, no string, or not legal.
    public func id<Tag>(_ name: StaticString) -> Identifier<Tag>? {
        self[name]?.string.flatMap { Identifier<Tag>($0) }
    }

    fileprivate func count(_ name: StaticString) -> Int? { self[name]?.integer.flatMap { Int(exactly: $0) } }

    fileprivate var status: PieceStatus? { self["status"]?.string.flatMap(PieceStatus.init) }
}

extension SessionInfo {
    fileprivate init?(stored value: JSONValue?) {
        guard let value, let id: SessionID = value.id("id"), let metadata = value["metadata"],
            let state = value["state"]?.string.flatMap(State.init)
        else { return nil }
        self.init(
            id: id, title: value["title"]?.string ?? "", metadata: Array(metadata.source),
            policies: SessionPolicies(stored: value["policies"]), state: state,
            forkedFrom: Origin(stored: value["forkedFrom"]))
    }
}

extension SessionInfo.Origin {
    /// - Parameter value: As a session's info has it.
    init?(stored value: JSONValue?) {
        guard let value, let session: SessionID = value.id("session"),
            let sequence = value["seq"]?.integer.flatMap(UInt64.init(exactly:))
        else { return nil }
        self.init(session: session, sequence: SequenceNumber(sequence))
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

    fileprivate static func list(stored value: JSONValue?) -> [InputPart]? {
        value?.elements.compactMap(InputPart.init(stored:))
    }
}

extension EventBody.RunEnd {
    fileprivate init?(stored run: JSONValue) {
        guard let id: RunID = run.id("id"), let reason = run["reason"]?.string.flatMap(Run.State.init) else {
            return nil
        }
        self.init(
            id: id, reason: reason, usage: run["usage"].map { Array($0.source) },
            error: RunError(stored: run["error"]), command: run.id("command"))
    }
}

extension CommandOrder {
    fileprivate init?(stored command: JSONValue) {
        guard let verb = command["verb"]?.string.flatMap(Command.Verb.init),
            let target = Command.Target(stored: command["target"])
        else { return nil }
        self.init(
            verb: verb, target: target, parts: InputPart.list(stored: command["parts"]) ?? [],
            becomesInput: command["otherwise"]?.string == "input")
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
