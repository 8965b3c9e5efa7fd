import ThroughlineCore
import ThroughlineEngine
import ThroughlineStorage
import ThroughlineTestKit

/// A copy of a session that somebody asked for: there whole or not at all, and it says what its original said.
struct ForkModel {
    var id: SessionID
    var source: SessionModel
    /// The last event of the original that it has.
    var upTo: Int
    /// Somebody was told that it is there.
    var isAcknowledged = false
}

extension World {
    func fork(_ session: SessionModel, by participant: Participant) -> Call? {
        let upTo = 1 + random.below(max(1, session.events.count))
        guard !session.events.isEmpty else { return nil }
        let place = oracle.forks.count
        let id = SessionID("fork-\(place)")!
        oracle.forks.append(ForkModel(id: id, source: session, upTo: upTo))
        counts.add(.forkCrashed)
        return call { server, done in
            server.engine.fork(
                session.id, at: SequenceNumber(UInt64(upTo)), as: id, title: nil, by: participant, then: done)
        } seen: { [unowned self] (result: Result<Answer, Refusal>, server) in
            counts.add(.forkCrashed, -1)
            switch result {
            case .failure(let refusal): oracle.check(refusal, of: session, server)
            case .success:
                counts.add(.forked)
                oracle.forks[place].isAcknowledged = true
                oracle.check { () throws(Violation) in try oracle.check(oracle.forks[place], server) }
            }
        } then: { _ in
        }
    }
}

extension Oracle {
    func check(_ fork: ForkModel, _ server: SimulatedServer) throws(Violation) {
        guard !server.isClosed else { return }
        guard let copy = try read(fork, server) else {
            if fork.isAcknowledged { throw Violation("\(fork.id) was copied and is gone") }
            return
        }
        let original = try fork.source.state(at: fork.upTo)
        let (said, saidThere) = (original.saidAndAsked, copy.saidAndAsked)
        guard said == saidThere else {
            throw Violation(
                "\(fork.id) says other than \(fork.source.id) did at \(fork.upTo): \(saidThere) for \(said)")
        }
        guard copy.session["forkedFrom"]?["seq"]?.number == fork.upTo,
            copy.session["forkedFrom"]?["session"]?.text == fork.source.id.value
        else { throw Violation("\(fork.id) does not say what it is a copy of") }
        let isOpen =
            !copy.queue.isEmpty || !copy.openRequests.isEmpty || copy.baton != nil
            || copy.runs.order.contains { copy.isActive(run: $0) || copy.stateOf(run: $0) == "queued" }
            || copy.messages.all.contains { $0["status"]?.text == "streaming" }
            || copy.commands.all.contains { !["applied", "rejected", "expired"].contains($0["state"]?.text ?? "") }
        if isOpen { throw Violation("\(fork.id) is a copy, and something in it is open") }
    }

    /// Whether a copy of a session is there, or may be: a server that is gone cannot be asked.
    func isCopied(_ session: SessionModel, _ server: SimulatedServer) -> Bool {
        forks.contains { fork in
            guard fork.source === session else { return false }
            return server.isClosed || (try? read(fork, server)) != nil
        }
    }

    /// The copy as the store has it; `nil` where it has none.
    private func read(_ fork: ForkModel, _ server: SimulatedServer) throws(Violation) -> SessionReducer? {
        do {
            var state = SessionReducer()
            try withoutFaults {
                for record in try server.store.read(StreamID(fork.id), after: .zero, limit: ReadLimit(bytes: .max))
                where record.kind == .event {
                    _ = try state.apply(Plain(try JSONDocument.parse(record.payload)))
                }
            }
            return state.seq == 0 ? nil : state
        } catch let error as Violation {
            throw Violation("\(fork.id): \(error)")
        } catch {
            throw Violation("\(fork.id) cannot be read: \(error)")
        }
    }
}

extension SessionReducer {
    /// Each input and message with its text, in order.
    fileprivate var saidAndAsked: [String] {
        inputs.all.map { "\($0["id"]?.text ?? "") \($0["parts"].map { "\($0)" } ?? "")" }
            + messages.order.map { id in "\(id) \(text(ofMessage: id))" }
    }
}
