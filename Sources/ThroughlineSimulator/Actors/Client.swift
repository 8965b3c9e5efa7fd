import ThroughlineCore
import ThroughlineEngine
import ThroughlineTestKit

/// Somebody who talks to agents: asks, repeats what was not answered, changes their mind.
final class Client {
    private let participant: Participant
    private unowned let world: World
    private var request: (operation: Operation, session: SessionModel)?
    private var call: Call?
    private var number = 0
    private let name: String
    /// An input that was cancelled before it is sent goes to this session.
    private var announced: SessionModel?

    init(_ index: Int, _ world: World) {
        name = "u\(index)"
        participant = Participant(id: name, role: .user)
        self.world = world
    }

    func act() {
        if let call, !call.isAnswered {
            guard world.isOverdue(call) else { return }
            guard !world.random.chance(12) else { return leave() }
            world.counts.add(.retry)
            return send(again: true)
        }
        call = nil
        request = nil
        guard let session = world.anySession(), !wantsAnother(session) else {
            let session = world.newSession()
            let policies = world.random.chance(3) ? SessionPolicies.Patch(orphan: .cancel(afterMilliseconds: 800)) : nil
            return begin(.create(title: "\(session.marker) title", metadata: nil, policies: policies), session)
        }
        choose(session)
    }

    /// Gone before the answer: nobody will ask again.
    private func leave() {
        world.counts.add(.clientCrashed)
        request = nil
        call = nil
    }

    private func wantsAnother(_ session: SessionModel) -> Bool {
        if world.isNarrow { return session.isErased || session.isCloseAsked }
        return world.random.chance(world.oracle.sessions.count < 3 ? 3 : session.isErased ? 4 : 40)
    }

    private func choose(_ session: SessionModel) {
        number += 1
        if let announced {
            self.announced = nil
            return ask(announced)
        }
        switch world.random.below(24) {
        case 0..<11: ask(session)
        case 11, 12: if let id = someInput(session) { begin(.withdrawInput(id: id), session) }
        case 13: change(session)
        case 14, 15, 16:
            let order = CommandOrder(verb: .cancel, target: target(session))
            begin(.command(id: CommandID("\(name)-c\(number)")!, order), session)
        case 17 where world.random.chance(2): order(session)
        case 17: begin(.update(SessionPatch(title: "\(session.marker) \(number)")), session)
        case 18, 19: lookAtSnapshot(session)
        case 20 where world.random.chance(2): call = world.fork(session, by: participant)
        case 20: lookAtSnapshot(session)
        case 21:
            if world.random.chance(3), let id = someInput(session) {
                begin(.selectBranch(input: id), session)
            } else {
                lookAtPage(session)
            }
        case 22:
            if world.random.chance(8) {
                session.isCloseAsked = true
                begin(.update(SessionPatch(closes: true)), session)
            }
        default: if !world.isNarrow || world.random.chance(3) { erase(session) }
        }
    }

    private func ask(_ session: SessionModel) {
        let id = "\(name)-i\(number)"
        session.askedInputs.append(id)
        let agent = world.random.chance(3) ? AgentName("a\(world.random.below(2))") : nil
        let policy = world.random.chance(3) ? world.random.pick(FollowUp.allCases) : nil
        let replaces = world.random.chance(5) ? someInput(session) : nil
        begin(
            .addInput(
                .init(
                    id: InputID(id)!, parts: [text(session)], agent: agent, followUp: policy, replaces: replaces)),
            session)
    }

    /// Edits an input, or moves it in the queue.
    private func change(_ session: SessionModel) {
        guard let id = someInput(session), let other = someInput(session) else { return }
        let parts = world.random.chance(2) ? [text(session)] : nil
        let place: InputPlace? = parts == nil ? (world.random.chance(3) ? .last : .before(other)) : nil
        begin(.updateInput(id: id, parts: parts, place: place), session)
    }

    /// Anything but a cancel.
    private func order(_ session: SessionModel) {
        let verb = world.random.pick([Command.Verb.steer, .interrupt, .pause, .resume, .resume])
        var order = CommandOrder(verb: verb, target: target(session))
        if verb == .steer {
            order.parts = [text(session)]
            order.becomesInput = world.random.chance(2)
        }
        begin(.command(id: CommandID("\(name)-c\(number)")!, order), session)
    }

    private func text(_ session: SessionModel) -> InputPart {
        InputPart(
            text: "\(session.marker) \(name) says \(number) " + String(repeating: "x", count: world.random.below(400)))
    }

    private func someInput(_ session: SessionModel) -> InputID? {
        session.askedInputs.isEmpty ? nil : InputID(world.random.pick(session.askedInputs))
    }

    private func target(_ session: SessionModel) -> Command.Target {
        let runs = Set(session.runs.keys.map(\.run)).sorted()
        switch world.random.below(5) {
        case 0 where !runs.isEmpty: return .run(RunID(world.random.pick(runs))!)
        case 1 where world.random.chance(3):
            // A stop that is quicker than what it stops.
            announced = session
            return .input(InputID("\(name)-i\(number + 1)")!)
        case 1: return someInput(session).map { .input($0) } ?? .all
        case 2: return .mine
        case 3: return .agent(AgentName("a0")!)
        default: return .all
        }
    }

    private func begin(_ operation: Operation, _ session: SessionModel) {
        request = (operation, session)
        send(again: false)
    }

    private func send(again: Bool) {
        guard let (asked, session) = request else { return }
        var operation = asked
        if again, world.mutation == .noInputDedup, case .addInput(var input) = operation, let id = input.id {
            input.id = InputID(id.value + "-again")!
            operation = .addInput(input)
        }
        let sent = operation
        if case .command(let id?, _) = sent { session.askedCommands.insert(id.value) }
        call = world.perform(sent, on: session, by: participant) { [unowned self] result, server in
            see(result, of: sent, session, server)
        } then: { _ in
        }
        if call == nil { call = Call(sentAt: world.now, server: -1) }
    }

    private func see(
        _ result: Result<Answer, Refusal>, of operation: Operation, _ session: SessionModel, _ server: SimulatedServer
    ) {
        let oracle = world.oracle
        switch (result, operation) {
        case (.failure(let refusal), .command)
        where [.runNotFound, .inputNotFound, .tooMany].contains(refusal.code): break
        case (.failure(let refusal), .addInput(let input)) where refusal.code == .runActive:
            if input.followUp != .reject { oracle.fail("an input was rejected that did not ask for it") }
        case (.failure(let refusal), _): oracle.check(refusal, of: session, server)
        case (.success, .create): session.isCreated = true
        case (.success, .addInput(let input)): if let id = input.id { session.inputs.insert(id.value) }
        case (.success, .withdrawInput(let id)): session.withdrawn.insert(id.value)
        case (.success, .command(let id?, _)): session.commands.insert(id.value)
        default: break
        }
        guard case .success = result else { return }
        oracle.check { () throws(Violation) in
            if session.isErasureAcknowledged { throw Violation("\(session.id) is erased and takes \(operation)") }
            try oracle.checkAcknowledged(session, server)
        }
    }

    private func lookAtSnapshot(_ session: SessionModel) {
        call = world.call { server, done in
            server.engine.snapshot(of: session.id, SnapshotPage(), by: participant, then: done)
        } seen: { [unowned self] (result: Result<[UInt8], Refusal>, server) in
            switch result {
            case .success(let bytes): world.oracle.check(snapshot: bytes, of: session, server)
            case .failure(let refusal): world.oracle.check(refusal, of: session, server)
            }
        } then: { _ in
        }
    }

    private func lookAtPage(_ session: SessionModel) {
        let after = SequenceNumber(UInt64(world.random.below(session.events.count + 1)))
        call = world.call { server, done in
            server.engine.readPage(of: session.id, after: after, limit: 20, by: participant, then: done)
        } seen: { [unowned self] (result: Result<EventPage, Refusal>, server) in
            switch result {
            case .success(let page): world.oracle.check(page.events, after: after, of: session, server)
            case .failure(let refusal): world.oracle.check(refusal, of: session, server)
            }
        } then: { _ in
        }
    }

    private func erase(_ session: SessionModel) {
        session.isEraseAsked = true
        call = world.call { server, done in
            server.engine.erase(session.id, by: participant, then: done)
        } seen: { [unowned self] (result: Result<Void, Refusal>, server) in
            switch result {
            case .success:
                session.isErased = true
                session.isErasureAcknowledged = true
                world.oracle.checkGone(session, server)
            case .failure(let refusal): world.oracle.check(refusal, of: session, server)
            }
        } then: { _ in
        }
    }
}
