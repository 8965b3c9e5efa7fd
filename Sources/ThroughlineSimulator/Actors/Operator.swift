import ThroughlineCore
import ThroughlineEngine
import ThroughlineTestKit

/// Takes over from the agents, answers, whispers, hands back; or is gone, with the baton in their hand.
final class Operator {
    private unowned let world: World
    private let participant: Participant
    private let name: String
    private var request: (operation: Operation, session: SessionModel)?
    private var call: Call?
    private var number = 0
    /// The session whose baton it has, as far as it knows.
    private var held: SessionModel?
    private var awayUntil: Int64 = 0

    init(_ index: Int, _ world: World) {
        name = "o\(index)"
        participant = Participant(id: name, role: .operator)
        self.world = world
    }

    func act() {
        guard world.now >= awayUntil else { return }
        if request != nil, let call, !call.isAnswered {
            guard world.isOverdue(call) else { return }
            world.counts.add(.retry)
            return send()
        }
        request = nil
        number += 1
        if let held { answer(held) } else if let session = world.anySession() { approach(session) }
    }

    private func approach(_ session: SessionModel) {
        if world.random.chance(3) { return say(session, answers: []) }
        session.isBatonAsked = true
        begin(.takeBaton(id: CommandID("\(name)-c\(number)")), session)
    }

    private func answer(_ session: SessionModel) {
        switch world.random.below(6) {
        case 0, 1: say(session, answers: session.state.queue.prefix(world.random.below(3)).compactMap { InputID($0) })
        case 2: vanish()
        case 3: begin(.takeBaton(id: CommandID("\(name)-c\(number)")), session)
        default:
            let note = world.random.chance(2) ? [text(session)] : []
            begin(.returnBaton(id: CommandID("\(name)-c\(number)"), note: note), session)
        }
    }

    private func vanish() {
        world.counts.add(.operatorVanished)
        held = nil
        awayUntil = world.now + Int64(world.random.below(4_000))
    }

    private func say(_ session: SessionModel, answers: [InputID]) {
        let audience = answers.isEmpty ? world.random.pick(Audience.allCases) : .everyone
        begin(
            .say(
                .init(id: MessageID("\(name)-m\(number)"), parts: [text(session)], audience: audience, answers: answers)
            ),
            session)
    }

    private func text(_ session: SessionModel) -> InputPart {
        InputPart(text: "\(session.marker) \(name) says \(number) \(world.random.text(upTo: 20))")
    }

    private func begin(_ operation: Operation, _ session: SessionModel) {
        request = (operation, session)
        send()
    }

    private func send() {
        guard let (operation, session) = request else { return }
        call =
            world.perform(operation, on: session, by: participant) { [unowned self] result, server in
                see(result, of: operation, session, server)
            } then: { [unowned self] result in
                take(result, of: operation, session)
            } ?? Call(sentAt: world.now, server: -1)
    }

    private func take(_ result: Result<Answer, Refusal>, of operation: Operation, _ session: SessionModel) {
        switch (result, operation) {
        case (.success(let answer), .takeBaton):
            let body = try? JSONDocument.parse(answer.body)
            held = body?["baton"]?["by"]?["id"]?.string == name ? session : nil
        case (.success, .returnBaton), (.failure, _): held = nil
        default: break
        }
    }

    private func see(
        _ result: Result<Answer, Refusal>, of operation: Operation, _ session: SessionModel, _ server: SimulatedServer
    ) {
        guard case .success = result else {
            if case .failure(let refusal) = result { world.oracle.check(refusal, of: session, server) }
            return
        }
        switch operation {
        case .takeBaton(let id?), .returnBaton(let id?, _): session.commands.insert(id.value)
        case .say(let say):
            session.said.insert(say.id?.value ?? "")
            session.answered.formUnion(say.answers.map(\.value))
        default: break
        }
        world.oracle.check { () throws(Violation) in
            if session.isErasureAcknowledged { throw Violation("\(session.id) is erased and takes \(operation)") }
            try world.oracle.checkAcknowledged(session, server)
        }
    }
}
