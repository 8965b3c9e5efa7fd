import Synchronization
public import ThroughlineCore

/// A connection that agents write through. It is told of commands for the runs that it holds, and when one is cancelled.
public final class HolderConnection: Sendable {
    public enum Word: Sendable {
        /// Stop: the run is over.
        case stop(Refusal)
        /// A JSON array of commands to carry out.
        case commands([UInt8])
    }

    let mailbox: Mailbox
    let tell: @Sendable (SessionID, RunID, Word) -> Void

    public init(mailbox: Mailbox, tell: @escaping @Sendable (SessionID, RunID, Word) -> Void) {
        self.mailbox = mailbox
        self.tell = tell
    }
}

extension Engine {
    /// A write or a heartbeat came: the lease runs anew, and the connection it came by is the one to tell.
    func renewLease(of run: RunID, holder: HolderConnection?, _ state: inout LiveSession.State) {
        guard let milliseconds = state.machine.lease(of: run)?.milliseconds,
            state.machine.run(run)?.isHeldByAgent == true
        else { return }
        let known = state.leases[run]?.holder
        if let holder, holder !== known { remind(holder, of: run, &state) }
        let holder = holder ?? known
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
            if state.machine.run(run)?.isHeldByAgent == true { metrics.runsLost.increment() }
            state.machine.expireLease(of: run, at: environment.now())
        } then: { _ in
        }
    }
}
