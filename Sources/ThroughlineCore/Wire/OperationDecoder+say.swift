extension OperationDecoder {
    /// `{"usage"?}`: what the run has used so far.
    public func heartbeat(_ run: RunID, token: String, _ body: JSONValue) throws(Refusal) -> Operation {
        guard let usage = try usage(body) else { return .heartbeat(run: run, token: token) }
        return .spend(run: run, token: token, usage: usage)
    }

    /// What a run may take, where it says so.
    public func budget(_ body: JSONValue) throws(Refusal) -> RunBudget? {
        guard let given = body["budget"], !given.isNull else { return nil }
        guard given.source.count <= limits.usage, let budget = RunBudget(given) else {
            throw invalid("budget", "is of seconds (1 to 604800), tokens and cost, each above zero")
        }
        return budget
    }

    /// `takeover`, or `handback` with a note in `parts`. They are about the whole session.
    func baton(_ verb: Command.Verb, _ body: JSONValue) throws(Refusal) -> Operation {
        if let target = body["target"], !target.isNull, try self.target(target) != .all {
            throw invalid("target", "of a \(verb) is all, or left out")
        }
        let id: CommandID? = try optionalID(body, "id")
        if verb == .takeover { return .takeBaton(id: id) }
        return .returnBaton(id: id, note: body["parts"] == nil ? [] : try inputParts(body))
    }

    /// `{"id"?, "parts", "audience"?, "parent"?, "answers"?: [input ids]}`.
    public func say(_ body: JSONValue) throws(Refusal) -> Operation {
        var answers: [InputID] = []
        if let given = body["answers"] {
            guard given.kind == .array, given.count <= limits.queuedInputs else {
                throw invalid("answers", "is an array of input ids")
            }
            for element in given.elements {
                guard let id = element.string.flatMap({ InputID($0) }), !answers.contains(id) else {
                    throw invalid("answers", "is an array of different input ids")
                }
                answers.append(id)
            }
        }
        return .say(
            .init(
                id: try optionalID(body, "id"), parts: try inputParts(body), audience: try audience(body),
                parent: try optionalID(body, "parent"), answers: answers))
    }
}
