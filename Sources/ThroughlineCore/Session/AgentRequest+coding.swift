extension AgentRequest.Opening {
    func writeMembers(to writer: inout JSONWriter) {
        writer.field("kind", kind.rawValue)
        writer.field("prompt", prompt)
        writer.field("step", step?.value)
        writer.field("part", part?.value)
        writer.field("tool", tool)
        writer.field("arguments", raw: arguments)
        writer.field("digest", digest)
        if !choices.isEmpty {
            writer.key("choices")
            writer.array(choices) { writer, choice in
                writer.object {
                    $0.field("id", choice.id)
                    $0.field("label", choice.label)
                }
            }
        }
        writer.field("schema", raw: schema)
        writer.field("deadline", deadline.rawValue)
        writer.field("default", raw: fallback)
        writer.key("who")
        who.write(to: &writer)
    }

    init?(stored value: JSONValue) {
        guard let kind = value["kind"]?.string.flatMap(AgentRequest.Kind.init),
            let deadline = value["deadline"]?.integer
        else { return nil }
        self.init(
            kind: kind, prompt: value["prompt"]?.string ?? "", step: value.id("step"), part: value.id("part"),
            arguments: value["arguments"]?.compact, digest: value["digest"]?.string,
            choices: (value["choices"]?.elements ?? []).compactMap(AgentRequest.Choice.init(stored:)),
            schema: value["schema"]?.compact, tool: value["tool"]?.string,
            deadline: Timestamp(milliseconds: deadline), fallback: value["default"]?.compact,
            who: AgentRequest.Who(stored: value["who"]))
    }
}

extension AgentRequest.Choice {
    init?(stored value: JSONValue) {
        guard let id = value["id"]?.string else { return nil }
        self.init(id: id, label: value["label"]?.string)
    }
}

extension AgentRequest.Who {
    func write(to writer: inout JSONWriter) {
        writer.object {
            $0.key("roles")
            $0.array(roles) { $0.string($1.rawValue) }
            if !participants.isEmpty {
                $0.key("participants")
                $0.array(participants) { $0.string($1) }
            }
        }
    }

    init(stored value: JSONValue?) {
        self.init(
            roles: (value?["roles"]?.elements ?? []).compactMap { $0.string.flatMap(Participant.Role.init) },
            participants: (value?["participants"]?.elements ?? []).compactMap(\.string))
    }
}

extension RequestEvent {
    func writeMembers(to writer: inout JSONWriter) {
        writer.key("request")
        writer.object {
            switch self {
            case .opened(let id, let run, let opening):
                $0.field("id", id.value)
                $0.field("run", run.value)
                opening.writeMembers(to: &$0)
            case .resolved(let id, let reply):
                $0.field("id", id.value)
                $0.key("answer")
                $0.object {
                    $0.field("id", reply.id.value)
                    $0.field("value", raw: reply.value)
                    $0.field("digest", reply.digest)
                    $0.field("note", reply.note)
                }
            case .expired(let id, let value):
                $0.field("id", id.value)
                if let value {
                    $0.key("answer")
                    $0.object { $0.field("value", raw: value) }
                }
            case .withdrawn(let id, let reason):
                $0.field("id", id.value)
                $0.field("reason", reason)
            }
        }
    }

    init?(type: String, stored value: JSONValue) {
        guard let request = value["request"], let id: AgentRequestID = request.id("id") else { return nil }
        switch type {
        case "request.opened":
            guard let run: RunID = request.id("run"), let opening = AgentRequest.Opening(stored: request) else {
                return nil
            }
            self = .opened(id: id, run: run, opening)
        case "request.resolved":
            guard let answer = request["answer"], let reply: ReplyID = answer.id("id"), let given = answer["value"]
            else {
                return nil
            }
            self = .resolved(
                id: id,
                AgentRequest.Reply(
                    id: reply, value: given.compact, digest: answer["digest"]?.string, note: answer["note"]?.string))
        case "request.expired": self = .expired(id: id, value: request["answer"]?["value"]?.compact)
        case "request.withdrawn": self = .withdrawn(id: id, reason: request["reason"]?.string ?? "")
        default: return nil
        }
    }
}

extension AgentRequest {
    public func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("id", id.value)
            $0.field("seq", sequence.rawValue)
            $0.field("at", at.rawValue)
            $0.key("by")
            by.write(to: &$0)
            $0.field("run", run.value)
            opening.writeMembers(to: &$0)
            $0.field("state", state.rawValue)
            if let answer {
                $0.key("answer")
                answer.write(to: &$0)
            }
            $0.field("reason", reason)
        }
    }
}

extension AgentRequest.Settlement {
    func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("id", reply?.value)
            $0.field("value", raw: value)
            $0.field("digest", digest)
            $0.field("note", note)
            $0.key("by")
            by.write(to: &$0)
            $0.field("at", at.rawValue)
        }
    }
}
