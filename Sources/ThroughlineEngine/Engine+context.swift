public import ThroughlineCore

extension Engine {
    /// A branch of a conversation, ready for a model.
    public func context(
        of session: SessionID, _ query: ContextQuery, by participant: Participant,
        then completion: @escaping AnswerCompletion
    ) {
        guard Access.permits(.read, to: participant, orTell: completion) else { return }
        decide(on: session) { (state) throws(Refusal) in
            let context = try state.machine.context(query, for: participant.clearance)
            return Answer(
                tail: state.machine.tail,
                body: JSONWriter.object {
                    context.writeMessages(to: &$0)
                    $0.field("tokens", context.tokens)
                    $0.field("dropped", context.dropped)
                    $0.field("seq", state.machine.tail.rawValue)
                })
        } then: {
            completion($0)
        }
    }
}
