extension SessionInfo: StateCodable {
    func write(to writer: inout StateWriter) {
        writer.text(id.value)
        writer.text(title)
        writer.text(metadata)
        policies.write(to: &writer)
        writer.text(state.rawValue)
        writer.optional(forkedFrom) {
            $0.text($1.session.value)
            $0.number($1.sequence.rawValue)
        }
    }

    init(from reader: inout StateReader) throws(StateError) {
        self.init(
            id: try reader.id(), title: try reader.string(), metadata: try reader.text(),
            policies: try SessionPolicies(from: &reader), state: try reader.name(),
            forkedFrom: try reader.optional { reader throws(StateError) in
                Origin(session: try reader.id(), sequence: try reader.sequence())
            })
    }
}

extension Participant: StateCodable {
    func write(to writer: inout StateWriter) {
        writer.text(id)
        writer.text(role.rawValue)
        writer.optional(device)
        writer.optional(key)
    }

    init(from reader: inout StateReader) throws(StateError) {
        self.init(
            id: try reader.string(), role: try reader.name(), device: try reader.optionalString(),
            key: try reader.optionalString())
    }
}

extension PartHead: StateCodable {
    func write(to writer: inout StateWriter) {
        writer.text(kind.rawValue)
        for attribute in [name, call, mediaType, url, title] { writer.optional(attribute) }
        writer.text(audience.rawValue)
    }

    init(from reader: inout StateReader) throws(StateError) {
        self.init(
            kind: try reader.name(), name: try reader.optionalString(), call: try reader.optionalString(),
            mediaType: try reader.optionalString(), url: try reader.optionalString(),
            title: try reader.optionalString(), audience: try reader.name())
    }
}

extension InputPart: StateCodable {
    func write(to writer: inout StateWriter) {
        head.write(to: &writer)
        writer.text(text)
    }

    init(from reader: inout StateReader) throws(StateError) {
        self.init(head: try PartHead(from: &reader), text: try reader.text())
    }
}

extension BranchPlace: StateCodable {
    func write(to writer: inout StateWriter) {
        writer.optional(replaces?.value)
        writer.number(isRegeneration ? 1 : 0)
        writer.optional(after?.value)
    }

    init(from reader: inout StateReader) throws(StateError) {
        self.init(
            replaces: try reader.optionalID(), isRegeneration: try reader.number() != 0,
            after: try reader.optionalID())
    }
}

extension Branch: StateCodable {
    func write(to writer: inout StateWriter) {
        writer.list(siblings) { $0.text($1.value) }
        writer.text(selected.value)
    }

    init(from reader: inout StateReader) throws(StateError) {
        self.init(siblings: try reader.ids(), selected: try reader.id())
    }
}

extension Input: StateCodable {
    func write(to writer: inout StateWriter) {
        writer.text(id.value)
        writer.number(sequence.rawValue)
        writer.time(at)
        by.write(to: &writer)
        writer.optional(agent?.value)
        writer.list(parts)
        writer.text(followUp.rawValue)
        branch.write(to: &writer)
        writer.text(state.rawValue)
        for name in [run?.value, command?.value, reason, previous?.value] { writer.optional(name) }
    }

    init(from reader: inout StateReader) throws(StateError) {
        self.init(
            id: try reader.id(), sequence: try reader.sequence(), at: try reader.time(),
            by: try Participant(from: &reader), agent: try reader.optionalID(), parts: try reader.list(),
            followUp: try reader.name(), branch: try BranchPlace(from: &reader), state: try reader.name(),
            run: try reader.optionalID(), command: try reader.optionalID(), reason: try reader.optionalString(),
            previous: try reader.optionalID())
    }
}

extension Step: StateCodable {
    func write(to writer: inout StateWriter) {
        writer.text(id.value)
        writer.number(attempt)
        writer.optional(label)
        writer.text(status.rawValue)
        writer.number(begun.rawValue)
    }

    init(from reader: inout StateReader) throws(StateError) {
        self.init(
            id: try reader.id(), attempt: try reader.integer(), label: try reader.optionalString(),
            status: try reader.name(), begun: try reader.sequence())
    }
}

extension RunError: StateCodable {
    func write(to writer: inout StateWriter) {
        writer.text(code)
        writer.text(message)
    }

    init(from reader: inout StateReader) throws(StateError) {
        self.init(code: try reader.string(), message: try reader.string())
    }
}

extension Run: StateCodable {
    func write(to writer: inout StateWriter) {
        writer.text(id.value)
        writer.number(sequence.rawValue)
        writer.time(at)
        writer.text(agent.value)
        writer.optional(label)
        writer.optional(parent?.value)
        writer.list(inputs) { $0.text($1.value) }
        writer.number(epoch)
        writer.number(UInt64(bitPattern: leaseMilliseconds))
        writer.number(waitsForChildren ? 1 : 0)
        writer.optional(accepts) { $0.list($1) { $0.text($1.rawValue) } }
        writer.optional(budget) { $0.text($1.json) }
        writer.number(attempt)
        writer.number(attempts)
        writer.optional(notBefore) { $0.time($1) }
        writer.text(state.rawValue)
        writer.optional(waiting)
        writer.optional(progress) { $0.text($1) }
        writer.optional(usage) { $0.text($1) }
        writer.optional(error) { $1.write(to: &$0) }
        writer.optional(ended) { $0.time($1) }
        writer.list(steps)
        writer.text(token)
        writer.optional(work?.value)
        writer.number(written)
        writer.optional(untold?.value)
        writer.list(openMessages) { $0.text($1.value) }
        writer.optional(held) { $1.write(to: &$0) }
        writer.optional(former) {
            $0.text($1.token)
            $0.number($1.written)
            $0.optional($1.adoption?.value)
        }
        writer.optional(heldBy) { $1.write(to: &$0) }
    }

    init(from reader: inout StateReader) throws(StateError) {
        self.init(
            id: try reader.id(), sequence: try reader.sequence(), at: try reader.time(), agent: try reader.id(),
            label: try reader.optionalString(), parent: try reader.optionalID(), inputs: try reader.ids(),
            epoch: try reader.number(), leaseMilliseconds: Int64(bitPattern: try reader.number()),
            waitsForChildren: try reader.number() != 0,
            accepts: try reader.optional { reader throws(StateError) in
                try reader.list { reader throws(StateError) in try reader.name() }
            },
            budget: try reader.optional { reader throws(StateError) in try RunBudget(from: &reader) },
            attempt: try reader.integer(), attempts: try reader.integer(),
            notBefore: try reader.optional { reader throws(StateError) in try reader.time() },
            state: try reader.name(), waiting: try reader.optionalString(),
            progress: try reader.optional { reader throws(StateError) in try reader.text() },
            usage: try reader.optional { reader throws(StateError) in try reader.text() },
            error: try reader.optional { reader throws(StateError) in try RunError(from: &reader) },
            ended: try reader.optional { reader throws(StateError) in try reader.time() },
            steps: try reader.list(),
            token: try reader.string(), work: try reader.optionalID(), written: try reader.number(),
            untold: try reader.optionalID(), openMessages: try reader.ids(),
            held: try reader.optional { reader throws(StateError) in try EventBody.RunEnd(from: &reader) },
            former: try reader.optional { reader throws(StateError) in
                Run.FormerHolder(
                    token: try reader.string(), written: try reader.number(), adoption: try reader.optionalID())
            })
        heldBy = try reader.optional { reader throws(StateError) in try Participant(from: &reader) }
    }
}

extension EventBody.RunEnd: StateCodable {
    func write(to writer: inout StateWriter) {
        writer.text(id.value)
        writer.text(reason.rawValue)
        writer.optional(usage) { $0.text($1) }
        writer.optional(error) { $1.write(to: &$0) }
        writer.optional(command?.value)
    }

    init(from reader: inout StateReader) throws(StateError) {
        self.init(
            id: try reader.id(), reason: try reader.name(),
            usage: try reader.optional { reader throws(StateError) in try reader.text() },
            error: try reader.optional { reader throws(StateError) in try RunError(from: &reader) },
            command: try reader.optionalID())
    }
}

extension Part: StateCodable {
    func write(to writer: inout StateWriter) {
        writer.text(id.value)
        head.write(to: &writer)
        writer.text(status.rawValue)
        writer.text(text)
    }

    init(from reader: inout StateReader) throws(StateError) {
        self.init(
            id: try reader.id(), head: try PartHead(from: &reader), status: try reader.name(), text: try reader.text())
    }
}

extension Message: StateCodable {
    func write(to writer: inout StateWriter) {
        writer.text(id.value)
        writer.number(sequence.rawValue)
        writer.time(at)
        by.write(to: &writer)
        writer.optional(run?.value)
        writer.text(role.rawValue)
        writer.optional(parent?.value)
        writer.optional(step?.value)
        writer.text(audience.rawValue)
        writer.text(status.rawValue)
        writer.number(isSuperseded ? 1 : 0)
        writer.list(parts)
    }

    init(from reader: inout StateReader) throws(StateError) {
        self.init(
            id: try reader.id(), sequence: try reader.sequence(), at: try reader.time(),
            by: try Participant(from: &reader), run: try reader.optionalID(), role: try reader.name(),
            parent: try reader.optionalID(), step: try reader.optionalID(), audience: try reader.name(),
            status: try reader.name(), isSuperseded: try reader.number() != 0, parts: try reader.list())
    }
}

extension Command: StateCodable {
    func write(to writer: inout StateWriter) {
        writer.text(id.value)
        writer.number(sequence.rawValue)
        writer.time(at)
        by.write(to: &writer)
        writer.text(order.verb.rawValue)
        order.target.write(to: &writer)
        writer.list(order.parts)
        writer.number(order.becomesInput ? 1 : 0)
        writer.text(state.rawValue)
        for name in [reason, run?.value, input?.value, outcome] { writer.optional(name) }
        writer.optional(expires) { $0.time($1) }
    }

    init(from reader: inout StateReader) throws(StateError) {
        self.init(
            id: try reader.id(), sequence: try reader.sequence(), at: try reader.time(),
            by: try Participant(from: &reader),
            order: CommandOrder(
                verb: try reader.name(), target: try Target(from: &reader), parts: try reader.list(),
                becomesInput: try reader.number() != 0),
            state: try reader.name(), reason: try reader.optionalString(), run: try reader.optionalID(),
            input: try reader.optionalID(), outcome: try reader.optionalString(),
            expires: try reader.optional { reader throws(StateError) in try reader.time() })
    }
}

extension Command.Target: StateCodable {
    func write(to writer: inout StateWriter) {
        let (kind, name): (UInt64, String) =
            switch self {
            case .run(let id): (0, id.value)
            case .input(let id): (1, id.value)
            case .agent(let name): (2, name.value)
            case .mine: (3, "")
            case .all: (4, "")
            }
        writer.number(kind)
        writer.text(name)
    }

    init(from reader: inout StateReader) throws(StateError) {
        let kind = try reader.number()
        let name = try reader.string()
        switch kind {
        case 0: self = .run(RunID(unchecked: name))
        case 1: self = .input(InputID(unchecked: name))
        case 2: self = .agent(AgentName(unchecked: name))
        case 3: self = .mine
        case 4: self = .all
        default: throw StateError()
        }
    }
}

extension StateReader {
    mutating func ids<Tag>() throws(StateError) -> [Identifier<Tag>] {
        try list { reader throws(StateError) in try reader.id() }
    }
}
