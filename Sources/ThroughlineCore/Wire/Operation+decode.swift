/// Reads what a client sends, checks it against the limits, and says clearly what is wrong.
public struct OperationDecoder: Sendable {
    public let limits: SessionLimits

    public init(limits: SessionLimits = SessionLimits()) { self.limits = limits }

    /// Parses a body: a JSON object. An empty body counts as `{}`.
    public func object(_ bytes: [UInt8]) throws(Refusal) -> JSONValue {
        let value = try json(bytes.isEmpty ? Array("{}".utf8) : bytes)
        guard value.kind == .object else { throw Refusal(.jsonInvalid, "The body has to be a JSON object.") }
        return value
    }

    public func json(_ bytes: [UInt8]) throws(Refusal) -> JSONValue {
        do throws(JSONError) {
            return try JSONDocument.parse(bytes)
        } catch {
            throw Refusal(error)
        }
    }

    public func create(_ body: JSONValue) throws(Refusal) -> Operation {
        .create(title: try title(body), metadata: try metadata(body)?.compact, policies: try policies(body))
    }

    public func update(_ body: JSONValue) throws(Refusal) -> Operation {
        var patch = SessionPatch(metadata: try metadata(body), policies: try policies(body))
        if body["title"]?.isNull == true { patch.title = "" } else { patch.title = try title(body) }
        if let state = body["state"] {
            switch state.string {
            case "closed": patch.closes = true
            case "open": break
            default: throw invalid("state", "is open or closed")
            }
        }
        return .update(patch)
    }

    public func addInput(_ body: JSONValue) throws(Refusal) -> Operation {
        .addInput(
            .init(
                id: try optionalID(body, "id"), parts: try inputParts(body), agent: try optionalID(body, "agent"),
                followUp: try followUp(body), replaces: try optionalID(body, "replaces")))
    }

    /// - Parameter tokens: `nil` for the default.
    public func context(branch: String?, tokens: Int?, format: String?) throws(Refusal) -> ContextQuery {
        guard format ?? "openai" == "openai" else {
            throw Refusal(.formatUnavailable, "The format is openai; there is no other yet.")
        }
        var query = ContextQuery(tokens: tokens ?? ContextQuery.defaultTokens)
        if let branch {
            guard let id = InputID(branch) else { throw Refusal(.idInvalid, "branch is the id of an input.") }
            query.branch = id
        }
        return query
    }

    /// What a fork is asked to be: its id, the event, its title.
    public func fork(
        _ body: JSONValue, idIn name: StaticString = "id"
    ) throws(Refusal) -> (id: SessionID?, at: SequenceNumber?, title: String?) {
        var sequence: SequenceNumber?
        if let at = body["at"], !at.isNull {
            guard let number = at.integer, number > 0 else { throw invalid("at", "is the seq of an event") }
            sequence = SequenceNumber(UInt64(number))
        }
        return (try optionalID(body, name), sequence, try title(body))
    }

    public func regenerate(_ input: InputID, _ body: JSONValue) throws(Refusal) -> Operation {
        .regenerate(input: input, id: try optionalID(body, "id"), agent: try optionalID(body, "agent"))
    }

    public func selectBranch(_ body: JSONValue) throws(Refusal) -> Operation {
        .selectBranch(input: try requiredID(body, "input"))
    }

    public func updateInput(_ id: InputID, _ body: JSONValue) throws(Refusal) -> Operation {
        let place: InputPlace?
        if let before = body["before"] {
            place = before.isNull ? .last : .before(try requiredID(body, "before"))
        } else {
            place = nil
        }
        let parts = body["parts"] == nil && place != nil ? nil : try inputParts(body)
        return .updateInput(id: id, parts: parts, place: place)
    }

    public func command(_ body: JSONValue) throws(Refusal) -> Operation {
        guard let verb = body["verb"]?.string else { throw missing("verb") }
        guard let verb = Command.Verb(rawValue: verb) else {
            let all = Command.Verb.allCases.map(\.rawValue).joined(separator: ", ")
            throw Refusal(.verbUnsupported, "The verb is one of \(all).")
        }
        if verb.isOfBaton { return try baton(verb, body) }
        guard let target = body["target"] else { throw missing("target") }
        return .command(id: try optionalID(body, "id"), try order(verb, try self.target(target), body))
    }

    private func order(
        _ verb: Command.Verb, _ target: Command.Target, _ body: JSONValue
    ) throws(Refusal) -> CommandOrder {
        var order = CommandOrder(verb: verb, target: target)
        let mayHaveParts = verb == .steer || verb == .interrupt
        if verb == .steer || body["parts"] != nil {
            guard mayHaveParts else { throw invalid("parts", "goes with steer and interrupt") }
            order.parts = try inputParts(body)
        }
        if let otherwise = body["otherwise"], !otherwise.isNull {
            guard otherwise.string == "input", !order.parts.isEmpty else {
                throw invalid("otherwise", "is input, and goes with parts")
            }
            order.becomesInput = true
        }
        return order
    }

    public func startRun(_ body: JSONValue) throws(Refusal) -> Operation {
        let label = try text(body, "label", maximum: limits.label)
        var inputs: [InputID] = []
        if let given = body["inputs"] {
            guard given.kind == .array, given.count <= limits.queuedInputs else {
                throw invalid("inputs", "is an array of input ids")
            }
            for element in given.elements {
                guard let id = element.string.flatMap({ InputID($0) }), !inputs.contains(id) else {
                    throw invalid("inputs", "is an array of different input ids")
                }
                inputs.append(id)
            }
        }
        var start = Operation.StartRun(
            id: try optionalID(body, "id"), agent: try requiredID(body, "agent"), label: label,
            parent: try optionalID(body, "parent"), inputs: inputs,
            waitsForChildren: try boolean(body, "waitsForChildren") ?? false, accepts: try accepts(body),
            leaseMilliseconds: try lease(body), attempts: try attempts(body))
        start.budget = try budget(body)
        return .startRun(start)
    }

    /// The commands that an agent says it understands.
    public func accepts(_ body: JSONValue) throws(Refusal) -> [Command.Verb]? {
        guard let given = body["accepts"], !given.isNull else { return nil }
        let verbs = given.elements.compactMap { $0.string.flatMap(Command.Verb.init) }
        guard given.kind == .array, verbs.count == given.count, Set(verbs).count == verbs.count,
            !verbs.contains(where: { $0 == .cancel || $0 == .resume || $0.isOfBaton })
        else { throw invalid("accepts", "is an array of steer, interrupt and pause") }
        return verbs
    }

    private func boolean(_ body: JSONValue, _ name: StaticString) throws(Refusal) -> Bool? {
        guard let value = body[name], !value.isNull else { return nil }
        guard let boolean = value.boolean else { throw invalid(name.description, "is true or false") }
        return boolean
    }

    public func endRun(_ run: RunID, token: String, _ body: JSONValue) throws(Refusal) -> Operation {
        guard let reason = body["reason"]?.string else { throw missing("reason") }
        guard let state = Run.State(rawValue: reason), state == .completed || state == .failed else {
            throw invalid("reason", "is completed or failed")
        }
        return .endRun(
            .init(run: run, token: token, reason: state, usage: try usage(body), error: try runError(body)))
    }

    public func adopt(_ run: RunID, token: String, _ body: JSONValue) throws(Refusal) -> Operation {
        .adopt(
            .init(
                run: run, token: token, request: try optionalID(body, "id"),
                leaseMilliseconds: body["lease"] == nil ? nil : try lease(body)))
    }

    /// `lease.milliseconds`, or the default.
    public func lease(_ body: JSONValue) throws(Refusal) -> Int64 {
        guard let lease = body["lease"] else { return limits.defaultLeaseMilliseconds }
        guard let milliseconds = lease["milliseconds"]?.integer, limits.leaseMilliseconds.contains(milliseconds) else {
            throw invalid(
                "lease.milliseconds",
                "is \(limits.leaseMilliseconds.lowerBound) to \(limits.leaseMilliseconds.upperBound)")
        }
        return milliseconds
    }

    /// `attempts`, or the default.
    public func attempts(_ body: JSONValue) throws(Refusal) -> Int {
        guard let attempts = body["attempts"] else { return limits.defaultAttempts }
        guard let number = attempts.integer.flatMap({ Int(exactly: $0) }), limits.attempts.contains(number) else {
            throw invalid("attempts", "is \(limits.attempts.lowerBound) to \(limits.attempts.upperBound)")
        }
        return number
    }

    public func optionalID<Tag>(_ body: JSONValue, _ name: StaticString) throws(Refusal) -> Identifier<Tag>? {
        guard let value = body[name], !value.isNull else { return nil }
        guard let id: Identifier<Tag> = value.string.flatMap({ Identifier<Tag>($0) }) else {
            throw Refusal(.idInvalid, "\(name) has to be 1 to 128 of A-Z a-z 0-9 . _ : -")
        }
        return id
    }

    public func requiredID<Tag>(_ body: JSONValue, _ name: StaticString) throws(Refusal) -> Identifier<Tag> {
        guard let id: Identifier<Tag> = try optionalID(body, name) else { throw missing(name.description) }
        return id
    }

    public func missing(_ name: String) -> Refusal { Refusal(.fieldMissing, "The field \(name) is missing.") }
    public func invalid(_ name: String, _ rule: String) -> Refusal {
        Refusal(.fieldInvalid, "The field \(name) \(rule).")
    }

    // MARK: Pieces

    private func policies(_ body: JSONValue) throws(Refusal) -> SessionPolicies.Patch? {
        guard let given = body["policies"] else { return nil }
        guard given.kind == .object, given.members.allSatisfy({ $0.name == "followUp" || $0.name == "orphan" }) else {
            throw invalid("policies", "is an object, and has followUp and orphan")
        }
        return SessionPolicies.Patch(followUp: try followUp(given), orphan: try orphan(given))
    }

    /// `null` is the policy of a session that says nothing.
    private func orphan(_ policies: JSONValue) throws(Refusal) -> OrphanPolicy? {
        guard let given = policies["orphan"] else { return nil }
        if given.isNull { return .goOn }
        guard given.kind == .object, given.members.allSatisfy({ $0.name == "then" || $0.name == "after" }) else {
            throw invalid("orphan", "is an object, and has then and after")
        }
        switch given["then"]?.string {
        case "continue" where given["after"] == nil: return .goOn
        case "cancel":
            guard let milliseconds = given["after"]?.integer, limits.orphanMilliseconds.contains(milliseconds) else {
                let range = limits.orphanMilliseconds
                throw invalid("orphan.after", "is \(range.lowerBound) to \(range.upperBound)")
            }
            return .cancel(afterMilliseconds: milliseconds)
        default: throw invalid("orphan.then", "is continue, or cancel with after")
        }
    }

    private func followUp(_ body: JSONValue) throws(Refusal) -> FollowUp? {
        guard let given = body["followUp"], !given.isNull else { return nil }
        guard let policy = given.string.flatMap(FollowUp.init) else {
            throw invalid("followUp", "is one of " + FollowUp.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return policy
    }

    private func title(_ body: JSONValue) throws(Refusal) -> String? { try text(body, "title", maximum: limits.title) }

    private func metadata(_ body: JSONValue) throws(Refusal) -> JSONValue? {
        guard let value = body["metadata"] else { return nil }
        guard value.kind == .object || value.isNull else { throw invalid("metadata", "is a JSON object") }
        guard value.source.count <= limits.metadata else {
            throw Refusal(.tooLarge, "metadata is at most \(limits.metadata) bytes.")
        }
        return value
    }

    func text(_ body: JSONValue, _ name: StaticString, maximum: Int) throws(Refusal) -> String? {
        guard let value = body[name], !value.isNull else { return nil }
        guard let text = value.string else { throw invalid(name.description, "is a string") }
        guard text.utf8.count <= maximum else { throw Refusal(.tooLarge, "\(name) is at most \(maximum) bytes.") }
        return text
    }

    func usage(_ body: JSONValue) throws(Refusal) -> [UInt8]? {
        guard let usage = body["usage"], !usage.isNull else { return nil }
        guard usage.kind == .object, usage.source.count <= limits.usage else {
            throw invalid("usage", "is a JSON object of at most \(limits.usage) bytes")
        }
        return usage.compact
    }

    private func runError(_ body: JSONValue) throws(Refusal) -> RunError? {
        guard let error = body["error"], !error.isNull else { return nil }
        guard let code = try text(error, "code", maximum: 128) else { throw missing("error.code") }
        return RunError(code: code, message: try text(error, "message", maximum: limits.usage) ?? "")
    }

    func target(_ value: JSONValue) throws(Refusal) -> Command.Target {
        guard value.kind == .object, value.count == 1 else {
            throw invalid("target", "names one of run, input, agent, mine, all")
        }
        if let run: RunID = try optionalID(value, "run") { return .run(run) }
        if let input: InputID = try optionalID(value, "input") { return .input(input) }
        if let agent: AgentName = try optionalID(value, "agent") { return .agent(agent) }
        if value["mine"]?.boolean == true { return .mine }
        if value["all"]?.boolean == true { return .all }
        throw invalid("target", "names one of run, input, agent, mine, all")
    }

    func inputParts(_ body: JSONValue) throws(Refusal) -> [InputPart] {
        guard let given = body["parts"] else { throw missing("parts") }
        guard given.kind == .array, (1...limits.inputParts).contains(given.count) else {
            throw invalid("parts", "is an array of 1 to \(limits.inputParts) parts")
        }
        var parts: [InputPart] = []
        var total = 0
        for element in given.elements {
            guard element["audience"] == nil else {
                throw invalid("audience", "is of messages and their parts; an input is for everyone")
            }
            let part = InputPart(head: try head(element), text: element["text"]?.textBytes ?? [])
            total += part.text.count
            parts.append(part)
        }
        guard total <= limits.inputText else {
            throw Refusal(.tooLarge, "The texts of an input are together at most \(limits.inputText) bytes.")
        }
        return parts
    }

    func head(_ value: JSONValue) throws(Refusal) -> PartHead {
        guard value.kind == .object else { throw invalid("part", "is an object") }
        guard let kind = value["kind"]?.string else { throw missing("kind") }
        guard let partKind = PartKind(rawValue: kind) else {
            throw invalid("kind", "is one of " + PartKind.allCases.map(\.rawValue).joined(separator: ", "))
        }
        if let text = value["text"], text.kind != .string { throw invalid("text", "is a string") }
        return PartHead(
            kind: partKind, name: try text(value, "name", maximum: limits.attribute),
            call: try text(value, "call", maximum: limits.attribute),
            mediaType: try text(value, "mediaType", maximum: limits.attribute),
            url: try text(value, "url", maximum: limits.attribute),
            title: try text(value, "title", maximum: limits.attribute), audience: try audience(value))
    }

    func audience(_ value: JSONValue) throws(Refusal) -> Audience {
        guard let given = value["audience"], !given.isNull else { return .everyone }
        guard let audience = given.string.flatMap(Audience.init) else {
            throw invalid("audience", "is one of " + Audience.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return audience
    }
}
