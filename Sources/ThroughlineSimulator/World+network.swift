import ThroughlineCore
import ThroughlineEngine
import ThroughlineTestKit

/// An operation that is on its way and has not arrived.
struct Letter {
    let number: Int
    let session: SessionID
    let arrive: () -> Void
}

extension World {
    /// Sends an operation. Now and then it arrives late, after others that were sent later, or twice; it may even have been sent
    /// to a server that is gone, and reach the next.
    func perform(
        _ operation: Operation, on session: SessionModel, by participant: Participant,
        seen: @escaping (Result<Answer, Refusal>, SimulatedServer) -> Void,
        then: @escaping (Result<Answer, Refusal>) -> Void
    ) -> Call? {
        guard let server, disk.ending == nil else { return nil }
        let call = Call(sentAt: now, server: server.number)
        let body: (SimulatedServer, @escaping @Sendable (Result<Answer, Refusal>) -> Void) -> Void = { server, done in
            server.engine.perform(operation, on: session.id, by: participant, then: done)
        }
        send(to: session) { [unowned self] in dispatch(call, body, seen: seen, then: then) }
        if random.chance(20) {
            counts.add(.duplicate)
            let copy = Call(sentAt: now, server: server.number)
            send(to: session) { [unowned self] in dispatch(copy, body, seen: seen) { _ in } }
        }
        return call
    }

    private func send(to session: SessionModel, _ arrive: @escaping () -> Void) {
        sentLetters += 1
        guard random.chance(12) else {
            lastArrived[session.id] = sentLetters
            return arrive()
        }
        letters.append(Letter(number: sentLetters, session: session.id, arrive: arrive))
    }

    /// One of those that were held up arrives.
    func deliverLetter() {
        guard !letters.isEmpty, random.chance(6) else { return }
        let letter = letters.remove(at: random.below(letters.count))
        if lastArrived[letter.session] ?? 0 > letter.number { counts.add(.overtaken) }
        letter.arrive()
    }

    /// An agent that has lost its run goes on writing: what a server would do that does not look at the lease of a write.
    func letThrough(_ operation: Operation, _ session: SessionModel, _ refusal: Refusal) {
        guard refusal.code == .runFenced, case .write(let write) = operation else { return }
        lateWriters[write.run] = session
        writeLate(write.run)
    }

    /// The same once another agent has the run, whose lease it is then taken for.
    func writeLate(_ run: RunID) {
        guard let session = lateWriters[run], let token = tokens[run] else { return }
        // What it had begun was ended when it lost the run: it begins something new.
        let event = AgentEvent.messageStarted(id: MessageID("\(run.value)-late-\(sentLetters)")!)
        let write = Operation.Write(run: run, token: token, number: nil, events: [event])
        server?.engine.perform(.write(write), on: session.id, by: .server) { _ in }
    }
}
