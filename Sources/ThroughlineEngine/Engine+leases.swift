import Synchronization
public import ThroughlineCore

/// A connection that agents write through. It is told when a run that it holds is cancelled.
public final class HolderConnection: Sendable {
    let mailbox: Mailbox
    let tell: @Sendable (SessionID, RunID, Refusal) -> Void

    public init(mailbox: Mailbox, tell: @escaping @Sendable (SessionID, RunID, Refusal) -> Void) {
        self.mailbox = mailbox
        self.tell = tell
    }
}

extension Engine {
    /// A write or a heartbeat came: the lease runs anew, and the connection it came by is the one to tell.
    func renewLease(of run: RunID, holder: HolderConnection?, _ state: inout LiveSession.State) {
        guard let milliseconds = state.machine.lease(of: run)?.milliseconds,
            state.machine.run(run)?.state == .active
        else { return }
        let holder = holder ?? state.leases[run]?.holder
        state.setLease(
            .init(deadline: environment.monotonic() + milliseconds, milliseconds: milliseconds, holder: holder),
            of: run)
    }

    /// Ends what has been silent for longer than its lease, and lets machines do what is due.
    func checkAlarms() {
        let now = environment.time
        for (session, time) in alarms.due(now.monotonic) {
            guard let live = directory.live(session) else {
                lookAgain(at: session, now)
                continue
            }
            let due = live.state.withLock { state in
                if state.alarm == time { state.alarm = .max }
                let due = state.takeDue(now)
                alarms.set(for: live, &state)
                return due
            }
            for run in due.expired { expire(run, of: live, now: now.monotonic) }
            if due.wakes { wake(live) }
        }
    }

    /// A session that left memory comes back when one of its timers is due: they are looked at when it is loaded.
    private func lookAgain(at session: SessionID, _ now: EngineTime) {
        guard let wakeUp = directory.wakeUp(of: session) else { return }
        if wakeUp <= now.wall {
            watch(session)
        } else {
            alarms.set(for: session, at: now.monotonic(of: wakeUp))
        }
    }

    /// Lets the machine do what is due.
    private func wake(_ live: LiveSession) {
        _ = decide(on: live) { (state) throws(Refusal) in
            state.machine.wake(at: environment.now())
        } then: { _ in
        }
    }

    private func expire(_ run: RunID, of live: LiveSession, now: Int64) {
        _ = decide(on: live) { (state) throws(Refusal) in
            guard let lease = state.leases[run], lease.deadline <= now else { return }
            state.leases[run] = nil
            if state.machine.run(run)?.state == .active { metrics.runsLost.increment() }
            state.machine.expireLease(of: run, at: environment.now())
        } then: { _ in
        }
    }

    func cancel(
        _ id: CommandID?, _ target: Command.Target, on session: SessionID, by: Participant,
        then completion: @escaping AnswerCompletion
    ) {
        let id = id ?? CommandID(unchecked: randomID("c-"))
        decide(on: session) { [self] (state) throws(Refusal) in
            let isNew = try state.machine.cancel(id, target: target, by: by, at: environment.now())
            return (answer: commandAnswer(id, state), isNew: isNew)
        } then: { [self] result in
            completion(result.map(\.answer))
            if case .success((_, isNew: true)) = result { tellHolders(of: session) }
        }
    }

    func commandAnswer(_ id: CommandID, _ state: LiveSession.State) -> Answer {
        Answer(
            .accepted, tail: state.machine.tail,
            body: JSONWriter.object {
                $0.key("command")
                state.machine.command(id)?.write(to: &$0)
            })
    }

    /// How a command stands now, and whether that is final.
    public func command(
        _ id: CommandID, on session: SessionID,
        then completion: @escaping @Sendable (Result<(Answer, isFinal: Bool), Refusal>) -> Void
    ) {
        decide(on: session) { [self] (state) throws(Refusal) in
            let isFinal = state.machine.command(id).map { $0.state == .applied || $0.state == .rejected } ?? true
            return (commandAnswer(id, state), isFinal: isFinal)
        } then: {
            completion($0)
        }
    }

    /// Tells the connections whose runs were cancelled. A run without one stays untold until its holder asks, or its lease ends.
    private func tellHolders(of session: SessionID) {
        decide(on: session) { (state) throws(Refusal) in
            var told: [(run: RunID, holder: HolderConnection)] = []
            for run in state.machine.untoldRuns {
                guard let holder = state.leases[run]?.holder else { continue }
                state.leases[run]?.holder = nil
                told.append((run, holder))
            }
            return told
        } then: { [self] result in
            guard case .success(let told) = result else { return }
            for (run, holder) in told {
                let refusal = Refusal(.runCancelled, "The run \(run) was cancelled. Stop working on it.")
                deliver(to: holder.mailbox) { holder.tell(session, run, refusal) }
                holderTold(of: run, in: session)
            }
        }
    }

    /// The holder of a cancelled run knows it.
    func holderTold(of run: RunID, in session: SessionID) {
        decide(on: session) { [self] (state) throws(Refusal) in
            guard state.machine.run(run)?.state == .cancelled else { return }
            state.leases[run] = nil
            state.machine.holderTold(of: run, at: environment.now())
        } then: { _ in
        }
    }
}
