import ThroughlineCore
import ThroughlineEngine

extension World {
    /// What an answerer is told has to agree with the history: there is one winner, and everybody hears who it is.
    func judge(
        _ result: Result<Answer, Refusal>, of answer: Operation.RequestAnswer, by name: String,
        _ session: SessionModel, _ server: SimulatedServer
    ) {
        var result = result
        if mutation == .requestWonTwice, case .failure(let refusal) = result, refusal.code == .requestResolved {
            result = .success(Answer(tail: .zero, body: []))
        }
        switch result {
        case .success: won(answer, name, session, server)
        case .failure(let refusal): lost(refusal, answer, name, session, server)
        }
    }

    private func won(
        _ answer: Operation.RequestAnswer, _ name: String, _ session: SessionModel, _ server: SimulatedServer
    ) {
        let reply = SessionModel.Won(reply: answer.id?.value ?? "", by: name, value: answer.value)
        oracle.check { () throws(Violation) in
            if session.isErasureAcknowledged { throw Violation("\(session.id) is erased and takes answers") }
            let before = session.won.updateValue(reply, forKey: answer.request.value)
            if let before, before != reply {
                throw Violation("\(session.id): request \(answer.request) is won by \(before.by) and by \(name)")
            }
            try oracle.checkAcknowledged(session, server)
        }
    }

    private func lost(
        _ refusal: Refusal, _ answer: Operation.RequestAnswer, _ name: String, _ session: SessionModel,
        _ server: SimulatedServer
    ) {
        guard !server.isClosed else { return }
        switch refusal.code {
        case .requestResolved, .requestExpired, .requestWithdrawn: counts.add(.lateAnswer)
        case .requestChanged: counts.add(.staleAnswer)
        case .answerInvalid, .notAllowed: counts.add(.badAnswer)
        case .requestNotFound: break
        default: return oracle.check(refusal, of: session, server)
        }
        oracle.check { () throws(Violation) in
            try oracle.catchUp(session, server)
            guard !session.isErased, let request = session.state.requests.byID[answer.request.value] else { return }
            guard isRight(refusal.code, answer, name, request) else {
                throw Violation(
                    "\(session.id): \(name) is told \(refusal.code.rawValue) of \(answer), and it is \(request)")
            }
        }
    }

    private func isRight(
        _ code: Refusal.Code, _ answer: Operation.RequestAnswer, _ name: String, _ request: Plain
    ) -> Bool {
        let state = request["state"]?.text
        switch code {
        case .requestResolved: return state == "resolved" && request["answer"]?["id"]?.text != answer.id?.value
        // Other arguments, with a time of their own, can have replaced those that the answer was about.
        case .requestExpired:
            return state == "expired" || oracle.wasOver(request) || answer.digest != request["digest"]?.text
        case .requestWithdrawn: return state == "withdrawn"
        case .requestChanged: return answer.digest != request["digest"]?.text
        case .answerInvalid: return answer.value == Array("7".utf8)
        case .notAllowed: return request["who"]?["participants"]?.elements.contains(.string(name)) == false
        default: return false
        }
    }
}

extension Oracle {
    /// Its deadline was over, and it may have ended otherwise before that was noted.
    func wasOver(_ request: Plain) -> Bool { request["deadline"]?.number ?? 0 <= Int(disk.clock.latestWall) }

    /// An agent that is told of the end of its request is told what the history says.
    func checkShown(_ request: Plain, _ session: SessionModel, _ server: SimulatedServer?) {
        guard let server, !server.isClosed else { return }
        check { () throws(Violation) in
            try catchUp(session, server)
            let id = request["id"]?.text ?? ""
            guard !session.isErased, let known = session.state.requests.byID[id] else { return }
            guard known["state"] == request["state"], known["answer"] == request["answer"] else {
                throw Violation("\(session.id): an agent is shown request \(id) as \(request), and it is \(known)")
            }
        }
    }
}
