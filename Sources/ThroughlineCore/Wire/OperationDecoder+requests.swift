extension OperationDecoder {
    /// `{"id"?, "value", "digest"?, "note"?}`.
    public func answer(_ request: AgentRequestID, _ body: JSONValue) throws(Refusal) -> Operation {
        guard let value = body["value"] else { throw missing("value") }
        guard value.source.count <= limits.requestValue else {
            throw Refusal(.tooLarge, "value is at most \(limits.requestValue) bytes.")
        }
        return .answer(
            .init(
                request: request, id: try optionalID(body, "id"), value: value.compact, digest: try digest(body),
                note: try text(body, "note", maximum: limits.requestNote)))
    }

    func requestOpened(_ value: JSONValue) throws(Refusal) -> AgentEvent {
        guard let kind = value["kind"]?.string.flatMap(AgentRequest.Kind.init) else {
            throw invalid("kind", "is one of " + AgentRequest.Kind.allCases.map(\.rawValue).joined(separator: ", "))
        }
        guard let prompt = try text(value, "prompt", maximum: limits.requestPrompt) else { throw missing("prompt") }
        let opening = AgentRequest.Opening(
            kind: kind, prompt: prompt, part: try optionalID(value, "part"), arguments: try json(value, "arguments"),
            digest: try digest(value), choices: try choices(value, kind), schema: try schema(value),
            tool: try tool(value, kind), deadline: Timestamp(milliseconds: 0), fallback: try json(value, "default"),
            who: try who(value))
        return .requestOpened(
            RequestDraft(id: try requiredID(value, "id"), opening: opening, milliseconds: try deadline(value)))
    }

    private func json(_ value: JSONValue, _ name: StaticString) throws(Refusal) -> [UInt8]? {
        guard let member = value[name] else { return nil }
        guard member.source.count <= limits.requestValue else {
            throw Refusal(.tooLarge, "\(name) is at most \(limits.requestValue) bytes.")
        }
        return member.compact
    }

    private func digest(_ value: JSONValue) throws(Refusal) -> String? {
        guard let digest = try text(value, "digest", maximum: 64) else { return nil }
        guard SHA256Digest.isHexadecimal(digest) else {
            throw invalid("digest", "is SHA-256 in 64 hexadecimal digits, a to f small")
        }
        return digest
    }

    private func deadline(_ value: JSONValue) throws(Refusal) -> Int64? {
        guard let deadline = value["deadline"], !deadline.isNull else { return nil }
        guard let milliseconds = deadline.integer, limits.requestMilliseconds.contains(milliseconds) else {
            let range = limits.requestMilliseconds
            throw invalid("deadline", "is \(range.lowerBound) to \(range.upperBound) milliseconds from now")
        }
        return milliseconds
    }

    private func tool(_ value: JSONValue, _ kind: AgentRequest.Kind) throws(Refusal) -> String? {
        let tool = try text(value, "tool", maximum: limits.attribute)
        if kind == .clientTool, tool == nil { throw missing("tool") }
        return tool
    }

    private func choices(_ value: JSONValue, _ kind: AgentRequest.Kind) throws(Refusal) -> [AgentRequest.Choice] {
        guard kind == .choice else { return [] }
        let given = value["choices"]
        let rule = "is an array of 1 to \(limits.requestChoices) different {\"id\", \"label\"} or texts"
        guard let given, given.kind == .array, (1...limits.requestChoices).contains(given.count) else {
            throw invalid("choices", rule)
        }
        var choices: [AgentRequest.Choice] = []
        for element in given.elements {
            let id = try element.kind == .string ? element.string : text(element, "id", maximum: limits.label)
            guard let id, !id.isEmpty, id.utf8.count <= limits.label, !choices.contains(where: { $0.id == id }) else {
                throw invalid("choices", rule)
            }
            let label = try element.kind == .object ? text(element, "label", maximum: limits.label) : nil
            choices.append(AgentRequest.Choice(id: id, label: label))
        }
        return choices
    }

    private func schema(_ value: JSONValue) throws(Refusal) -> [UInt8]? {
        guard let schema = value["schema"], !schema.isNull else { return nil }
        guard schema.source.count <= limits.requestSchema else {
            throw Refusal(.tooLarge, "schema is at most \(limits.requestSchema) bytes.")
        }
        if let flaw = JSONSchema.flaw(of: schema) { throw invalid("schema", "cannot be used: \(flaw)") }
        return schema.compact
    }

    private func who(_ value: JSONValue) throws(Refusal) -> AgentRequest.Who {
        guard let who = value["who"], !who.isNull else { return .people }
        let roles = who["roles"]?.elements.map { $0.string.flatMap(Participant.Role.init) } ?? []
        let participants = who["participants"]?.elements.map(\.string) ?? []
        let isLegal =
            who.kind == .object && roles.count + participants.count > 0
            && roles.allSatisfy { $0 == .user || $0 == .operator || $0 == .agent }
            && participants.count <= limits.requestParticipants
            && participants.allSatisfy { $0.map { (1...128).contains($0.utf8.count) } ?? false }
        guard isLegal else {
            throw invalid(
                "who",
                "names roles (user, operator, agent) or at most \(limits.requestParticipants) participants, or both")
        }
        return AgentRequest.Who(roles: roles.compactMap { $0 }, participants: participants.compactMap { $0 })
    }
}
