import ThroughlineCore
import ThroughlineEngine
import ThroughlineTestKit

/// Follows a session: attaches somewhere, pulls, drops, comes back where it was.
final class Reader {
    private enum State { case away, attaching, attached }

    private unowned let world: World
    private let participant: Participant
    private var session: SessionModel?
    private var subscription: Subscription?
    private var state = State.away
    private var position: SequenceNumber?
    private var isReading = false
    private var call: Call?
    /// Comes by seldom: what it wants has left memory by then.
    private let isSlow: Bool
    private var seesAll: Bool { participant.role == .operator }

    init(_ index: Int, _ world: World) {
        participant = Participant(id: "r\(index)", role: index == 1 ? .operator : .observer)
        isSlow = index == 3
        self.world = world
    }

    func serverWentAway() {
        if state == .attached { world.counts.add(.readerDropped) }
        session?.viewers[participant.id] = nil
        state = .away
        subscription = nil
        isReading = false
        call = nil
    }

    func act() {
        if isSlow, !world.random.chance(6) { return }
        if let call, world.isOverdue(call) { drop() }
        switch state {
        case .away: attach()
        case .attaching: return
        case .attached: if world.random.chance(25) { drop() } else if !isReading { pull() }
        }
    }

    private func drop() {
        if world.mutation == .stopAtDisconnect, let session, state == .attached {
            let order = CommandOrder(verb: .cancel, target: .all)
            world.server?.engine.perform(.command(id: nil, order), on: session.id, by: .server) { _ in }
        }
        if let subscription, let server = world.server { server.engine.detach(subscription) }
        serverWentAway()
        if world.random.chance(4) {
            session = nil
            position = nil
        }
    }

    private func attach() {
        guard let session = session ?? world.anySession() else { return }
        self.session = session
        let subscription = Subscription(session: session.id, mailbox: Mailbox(loop: nil)) {}
        self.subscription = subscription
        let start: ReadStart
        if let position {
            start = .after(position)
            world.counts.add(.readerResumed)
        } else {
            start = world.random.pick([.tail, .snapshot(SnapshotPage()), .after(.zero)])
        }
        state = .attaching
        call = world.call { server, done in
            server.engine.attach(subscription, from: start, by: participant, then: done)
        } seen: { [unowned self] (result: Result<Attachment, Refusal>, server) in
            switch result {
            case .success(let attachment):
                if let snapshot = attachment.snapshot {
                    world.oracle.check(snapshot: snapshot, of: session, server, seesAll: seesAll)
                }
            case .failure(let refusal): check(refusal, start, session, server)
            }
        } then: { [unowned self] result in
            guard self.subscription === subscription else { return }
            switch result {
            case .success(let attachment):
                state = .attached
                position = attachment.position
                world.server?.engine.arrive(subscription, watcher: nil)
                // An observer does not count as somebody who watches.
                if participant.role == .operator { session.viewers[participant.id] = world.clock.latestWall }
            case .failure:
                state = .away
                self.session = nil
                position = nil
            }
            call = nil
        }
        if call == nil { state = .away }
    }

    /// A cursor that was given out is never ahead.
    private func check(_ refusal: Refusal, _ start: ReadStart, _ session: SessionModel, _ server: SimulatedServer) {
        if refusal.code == .cursorAhead {
            world.oracle.fail("\(session.id): \(refusal.detail) for a reader that was there")
        }
        world.oracle.check(refusal, of: session, server)
    }

    private func pull() {
        guard let server = world.server, let subscription, let session, let position else { return }
        switch server.engine.pull(subscription, after: position) {
        case .slice(let slice): take(slice, session, server)
        case .upToDate: return
        case .refused(let refusal):
            world.oracle.check(refusal, of: session, server)
            serverWentAway()
            self.session = nil
            self.position = nil
        case .stored:
            world.counts.add(.slowReader)
            isReading = true
            readStored(subscription, position, session)
        }
    }

    private func readStored(_ subscription: Subscription, _ position: SequenceNumber, _ session: SessionModel) {
        let number = world.disk.generation
        call = world.call { server, done in
            server.engine.readStored(subscription, after: position, then: done)
        } seen: { _, _ in
        } then: { [unowned self] (result: Result<EventSlice, Refusal>) in
            guard self.subscription === subscription, let server = world.server, server.number == number else { return }
            isReading = false
            call = nil
            switch result {
            case .success(let slice): take(slice, session, server)
            case .failure(let refusal): world.oracle.check(refusal, of: session, server)
            }
        }
    }

    private func take(_ slice: EventSlice, _ session: SessionModel, _ server: SimulatedServer) {
        guard let position else { return }
        world.disk.trace.note("slice", Int(slice.last.rawValue), slice.deliveries.count)
        world.oracle.check(slice.deliveries, after: position, of: session, server, seesAll: seesAll)
        self.position = max(position, slice.last)
        if world.mutation == .doubledDelivery, world.random.chance(4) {
            world.oracle.check(slice.deliveries, after: slice.last, of: session, server, seesAll: seesAll)
        }
    }
}
