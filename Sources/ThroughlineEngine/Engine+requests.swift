public import NIOCore
public import ThroughlineCore

extension Engine {
    /// Takes an answer. The first valid one wins; a retry of it is answered the same.
    func answer(
        _ answer: Operation.RequestAnswer, on session: SessionID, by: Participant,
        then completion: @escaping AnswerCompletion
    ) {
        let reply = AgentRequest.Reply(
            id: answer.id ?? ReplyID(unchecked: randomID("a-")), value: answer.value, digest: answer.digest,
            note: answer.note)
        decide(on: session) { [self] (state) throws(Refusal) in
            let isNew = try state.machine.answer(answer.request, reply, by: by, at: environment.now())
            let settled = isNew ? settlements([answer.request], state) : []
            return (answer: requestAnswer(answer.request, state), settled: settled)
        } then: { [self] result in
            completion(result.map(\.answer))
            if case .success(let done) = result { tell(done.settled, in: session) }
        }
    }

    /// Whom to tell that a request of their run has come to an end.
    struct Settlement: Sendable {
        var run: RunID
        var holder: HolderConnection
        /// A JSON array.
        var requests: [UInt8]
    }

    /// The holders with a connection whose requests these are. A run that is over has none: it is told of its own end.
    func settlements(_ ids: [AgentRequestID], _ state: LiveSession.State) -> [Settlement] {
        let requests = Dictionary(grouping: ids.compactMap { state.machine.request($0) }) { $0.run }
        return requests.compactMap { run, requests in
            guard let holder = state.leases[run]?.holder, state.machine.run(run)?.isHeldByAgent == true else {
                return nil
            }
            return Settlement(
                run: run, holder: holder,
                requests: JSONWriter.value { $0.array(requests) { $1.write(to: &$0) } })
        }
    }

    /// Tells them, once it is durable.
    func tell(_ settlements: [Settlement], in session: SessionID) {
        for settlement in settlements {
            let holder = settlement.holder
            deliver(to: holder.mailbox) { holder.tell(session, settlement.run, .requests(settlement.requests)) }
        }
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
        writer.field("requests", raw: state.machine.requestsToKnow(of: run))
    }
}

extension SessionMachine {
    /// The newest requests of a run that are over, as a JSON array; `nil` where there is none.
    func requestsToKnow(of run: RunID) -> [UInt8]? {
        guard hasRequests else { return nil }
        let settled = settledRequests(of: run)
        guard !settled.isEmpty else { return nil }
        return JSONWriter.value { $0.array(settled) { $1.write(to: &$0) } }
    }
}
