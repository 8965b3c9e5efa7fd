import ThroughlineCore
import ThroughlineEngine
import ThroughlineTestKit

/// Somebody who answers what agents ask. There are two, and often both answer the same request at once.
final class Answerer {
    private struct Attempt {
        var session: SessionModel
        var answer: Operation.RequestAnswer
        /// The server that it was sent to last.
        var server: Int
    }

    private unowned let world: World
    private let participant: Participant
    private let name: String
    private var attempt: Attempt?
    private var call: Call?
    private var number = 0

    init(_ index: Int, _ world: World) {
        name = "p\(index)"
        participant = Participant(id: name, role: .user)
        self.world = world
    }

    func act() {
        if attempt != nil, let call, !call.isAnswered {
            guard world.isOverdue(call) else { return }
            guard !world.random.chance(8) else { return leave() }
            return sendAgain()
        }
        // One who was answered may ask again all the same: the page was loaded anew.
        if attempt != nil, world.random.chance(10) { return sendAgain() }
        attempt = nil
        if let (session, request) = choose() { answer(request, session) }
    }

    private func leave() {
        world.counts.add(.clientCrashed)
        attempt = nil
        call = nil
    }

    private func sendAgain() {
        world.counts.add(.retry)
        if attempt?.server != world.disk.generation { world.counts.add(.answerAgain) }
        send()
    }

    /// A request that is open, mostly; now and then one that is over.
    private func choose() -> (SessionModel, Plain)? {
        let sessions = world.oracle.sessions.suffix(8).filter { !$0.isErased }
        if !world.random.chance(8) {
            let open = sessions.flatMap { session in session.state.openRequests.map { (session, $0) } }
            guard let (session, id) = open.last else { return nil }
            return session.state.requests.byID[id].map { (session, $0) }
        }
        let over = sessions.filter { !$0.state.requests.order.isEmpty }
        guard !over.isEmpty else { return nil }
        let session = world.random.pick(Array(over))
        return session.state.requests.byID[world.random.pick(session.state.requests.order)].map { (session, $0) }
    }

    private func answer(_ request: Plain, _ session: SessionModel) {
        number += 1
        let isWrong = world.random.chance(12)
        var digest = request["digest"]?.text
        if digest != nil, world.random.chance(5) { digest = String(repeating: "0", count: 64) }
        let answer = Operation.RequestAnswer(
            request: AgentRequestID(request["id"]?.text ?? "")!, id: ReplyID("\(name)-a\(number)"),
            value: Array(isWrong ? "7".utf8 : value(for: request).utf8), digest: digest)
        attempt = Attempt(session: session, answer: answer, server: world.disk.generation)
        if world.people.contains(where: { $0 !== self && $0.isAsking(answer.request) }) {
            world.counts.add(.answerRace)
        }
        send()
    }

    private func value(for request: Plain) -> String {
        switch request["kind"]?.text {
        case "approval": world.random.pick(["true", "false"])
        case "choice": world.random.pick(["\"left\"", "\"right\""])
        case "client-tool": "{\"found\":\(world.random.below(100))}"
        default: "\"\(name) says \(number)\""
        }
    }

    /// Its answer to that request is on its way.
    private func isAsking(_ request: AgentRequestID) -> Bool {
        attempt?.answer.request == request && call?.isAnswered == false
    }

    private func send() {
        attempt?.server = world.disk.generation
        guard let attempt else { return }
        call =
            world.perform(.answer(attempt.answer), on: attempt.session, by: participant) {
                [unowned self] result, server in
                world.judge(result, of: attempt.answer, by: name, attempt.session, server)
            } then: { _ in
            } ?? Call(sentAt: world.now, server: -1)
    }
}
