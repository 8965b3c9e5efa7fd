extension AgentRequest: StateCodable {
    func write(to writer: inout StateWriter) {
        writer.text(id.value)
        writer.number(sequence.rawValue)
        writer.time(at)
        by.write(to: &writer)
        writer.text(run.value)
        opening.write(to: &writer)
        writer.text(state.rawValue)
        writer.optional(answer) { $1.write(to: &$0) }
        writer.optional(reason)
    }

    init(from reader: inout StateReader) throws(StateError) {
        self.init(
            id: try reader.id(), sequence: try reader.sequence(), at: try reader.time(),
            by: try Participant(from: &reader), run: try reader.id(), opening: try Opening(from: &reader),
            state: try reader.name(),
            answer: try reader.optional { reader throws(StateError) in try Settlement(from: &reader) },
            reason: try reader.optionalString())
    }
}

extension AgentRequest.Opening: StateCodable {
    func write(to writer: inout StateWriter) {
        writer.text(kind.rawValue)
        writer.text(prompt)
        writer.optional(step?.value)
        writer.optional(part?.value)
        writer.optional(arguments) { $0.text($1) }
        writer.optional(digest)
        writer.list(choices) {
            $0.text($1.id)
            $0.optional($1.label)
        }
        writer.optional(schema) { $0.text($1) }
        writer.optional(tool)
        writer.time(deadline)
        writer.optional(fallback) { $0.text($1) }
        writer.list(who.roles) { $0.text($1.rawValue) }
        writer.list(who.participants) { $0.text($1) }
    }

    init(from reader: inout StateReader) throws(StateError) {
        self.init(
            kind: try reader.name(), prompt: try reader.string(), step: try reader.optionalID(),
            part: try reader.optionalID(),
            arguments: try reader.optionalText(), digest: try reader.optionalString(),
            choices: try reader.list { reader throws(StateError) in
                AgentRequest.Choice(id: try reader.string(), label: try reader.optionalString())
            },
            schema: try reader.optionalText(), tool: try reader.optionalString(), deadline: try reader.time(),
            fallback: try reader.optionalText(),
            who: AgentRequest.Who(
                roles: try reader.list { reader throws(StateError) in try reader.name() },
                participants: try reader.list { reader throws(StateError) in try reader.string() }))
    }
}

extension AgentRequest.Settlement: StateCodable {
    func write(to writer: inout StateWriter) {
        writer.optional(reply?.value)
        writer.text(value)
        writer.optional(digest)
        writer.optional(note)
        by.write(to: &writer)
        writer.time(at)
    }

    init(from reader: inout StateReader) throws(StateError) {
        self.init(
            reply: try reader.optionalID(), value: try reader.text(), digest: try reader.optionalString(),
            note: try reader.optionalString(), by: try Participant(from: &reader), at: try reader.time())
    }
}

extension StateReader {
    fileprivate mutating func optionalText() throws(StateError) -> [UInt8]? {
        try optional { reader throws(StateError) in try reader.text() }
    }
}
