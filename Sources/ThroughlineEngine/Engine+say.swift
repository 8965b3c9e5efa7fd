import ThroughlineCore

extension Engine {
    /// An operator says something. The same id again adds nothing.
    func say(
        _ say: Operation.Say, by: Participant, _ state: inout LiveSession.State
    ) throws(Refusal) -> Answer {
        let names = newMessage(say.id, parts: say.parts.count)
        let isNew = try state.machine.say(
            say.parts, as: names, audience: say.audience, parent: say.parent, answers: say.answers, by: by,
            at: environment.now())
        return Answer(
            isNew ? .created : .ok, tail: state.machine.tail,
            body: JSONWriter.object {
                $0.key("message")
                state.machine.message(names.message)?.write(to: &$0)
                $0.field("seq", state.machine.tail.rawValue)
            })
    }

    func takeBaton(
        _ id: CommandID?, by: Participant, _ state: inout LiveSession.State
    ) throws(Refusal) -> Answer {
        let id = id ?? CommandID(unchecked: randomID("c-"))
        _ = try state.machine.takeBaton(id, by: by, at: environment.now())
        return batonAnswer(id, state)
    }

    func returnBaton(
        _ id: CommandID?, note: [InputPart], by: Participant, _ state: inout LiveSession.State
    ) throws(Refusal) -> Answer {
        let id = id ?? CommandID(unchecked: randomID("c-"))
        _ = try state.machine.returnBaton(
            id, note: note, as: newMessage(parts: note.count), by: by, at: environment.now())
        return batonAnswer(id, state)
    }

    private func batonAnswer(_ id: CommandID, _ state: LiveSession.State) -> Answer {
        Answer(
            .accepted, tail: state.machine.tail,
            body: JSONWriter.object {
                $0.key("command")
                state.machine.command(id)?.write(to: &$0)
                $0.key("baton")
                if let baton = state.machine.baton { baton.write(to: &$0) } else { $0.null() }
                $0.field("seq", state.machine.tail.rawValue)
            })
    }

    func newMessage(_ id: MessageID? = nil, parts: Int) -> MessageNames {
        MessageNames(
            message: id ?? MessageID(unchecked: randomID("m-")),
            parts: (0..<parts).map { _ in PartID(unchecked: randomID("p-")) })
    }
}
