public import NIOCore
public import ThroughlineCore

extension Engine {
    /// Takes an answer. The first valid one wins; a retry of it is answered the same.
    func answer(
        _ answer: Operation.RequestAnswer, by: Participant, _ state: inout LiveSession.State
    ) throws(Refusal) -> Answer {
        let reply = AgentRequest.Reply(
            id: answer.id ?? ReplyID(unchecked: randomID("a-")), value: answer.value, digest: answer.digest,
            note: answer.note)
        _ = try state.machine.answer(answer.request, reply, by: by, at: environment.now())
        return requestAnswer(answer.request, state)
    }

    private func requestAnswer(_ id: AgentRequestID, _ state: LiveSession.State) -> Answer {
        Answer(
            tail: state.machine.tail,
            body: JSONWriter.object {
                $0.key("request")
                state.machine.request(id)?.write(to: &$0)
                $0.field("seq", state.machine.tail.rawValue)
            })
    }

    /// A request as it stands. With a time to wait it answers once the request is over, or when the time is.
    public func request(
        _ id: AgentRequestID, on session: SessionID, by participant: Participant, within limit: TimeAmount
    ) async -> Result<Answer, Refusal> {
        let reader = EventReader(self, session: session)
        defer { reader.detach() }
        do throws(Refusal) {
            var position = try await reader.attach(from: .tail, by: participant).position
            let deadline = NIODeadline.now() + limit
            while true {
                let (answer, isOpen) = try await request(id, on: session)
                let left = deadline - .now()
                guard isOpen, left > .zero, let slice = try await reader.next(after: position, within: left) else {
                    return .success(answer)
                }
                position = slice.last
            }
        } catch {
            return .failure(error)
        }
    }

    private func request(
        _ id: AgentRequestID, on session: SessionID
    ) async throws(Refusal) -> (Answer, isOpen: Bool) {
        try await decided(on: session) { [self] (state) throws(Refusal) in
            guard let request = state.machine.request(id) else {
                throw Refusal(.requestNotFound, "The session has no request \(id).")
            }
            return (requestAnswer(id, state), isOpen: request.state == .open)
        }
    }

    /// Writes `requests`: those of the run that are over, so that its agent need not read events to learn of answers.
    func writeSettledRequests(of run: RunID, _ state: LiveSession.State, to writer: inout JSONWriter) {
        guard state.machine.hasRequests else { return }
        let settled = state.machine.settledRequests(of: run)
        guard !settled.isEmpty else { return }
        writer.key("requests")
        writer.array(settled) { $1.write(to: &$0) }
    }
}
