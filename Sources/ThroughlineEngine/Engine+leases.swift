import Synchronization
public import ThroughlineCore

/// A connection that agents write through. It is told of commands for the runs that it holds, of the ends of their requests, and
/// when one is cancelled.
public final class HolderConnection: Sendable {
    public enum Word: Sendable {
        /// Stop: the run is over.
        case stop(Refusal)
        /// A JSON array of commands to carry out.
        case commands([UInt8])
        /// A JSON array of requests of the run that have come to an end.
        case requests([UInt8])
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
            let told = state.machine.untoldRuns.count
            let expired = state.machine.wake(at: environment.now())
            return (stops: state.machine.untoldRuns.count > told, settled: settlements(expired, state))
        } then: { [self] result in
            guard case .success(let done) = result else { return }
            if done.stops { tellHolders(of: live.id) }
            tell(done.settled, in: live.id)
        }
    }

    private func expire(_ run: RunID, of live: LiveSession, now: Int64) {
        _ = decide(on: live) { (state) throws(Refusal) -> Expired in
            guard let lease = state.leases[run], lease.deadline <= now else { return .nothing }
            state.leases[run] = nil
            guard let known = state.machine.run(run) else { return .nothing }
            if known.state == .queued {
                state.machine.endPause(of: run)
                return .pause(state.machine.summary)
            }
            state.machine.expireLease(of: run, at: environment.now())
            guard known.isHeldByAgent else { return .nothing }
            countLoss(of: run, &state, now)
            return .lease(lease.holder, isOver: state.machine.run(run)?.state.isOver ?? true)
        } then: { [self] result in
            switch result {
            case .success(.pause(let summary)): offer(summary)
            case .success(.lease(let holder?, let isOver)):
                let refusal = Refusal(
                    isOver ? .runEnded : .runFenced, "The lease of the run \(run) ran out. Stop working on it.")
                deliver(to: holder.mailbox) { holder.tell(live.id, run, .stop(refusal)) }
            case .success(.lease(nil, _)), .success(.nothing), .failure: return
            }
        }
    }

    /// What was over.
    private enum Expired {
        case nothing
        case pause(SessionSummary)
        case lease(HolderConnection?, isOver: Bool)
    }

    private func countLoss(of run: RunID, _ state: inout LiveSession.State, _ now: Int64) {
        guard let queued = state.machine.queuedRunPauses.first(where: { $0.run == run }) else {
            return metrics.runsLost.increment()
        }
        metrics.runsHandedOn.increment()
        state.setPause(of: run, until: now + queued.milliseconds)
    }

    /// Makes known what a session has to hand out.
    func offer(_ summary: SessionSummary) {
        desk.update(summary.info.id, claimable: summary.claimable, works: summary.works)
        matchWork()
    }
}

extension Engine {
    /// Another process of a run's agent takes it over; who held it is told.
    func adopt(
        _ adopt: Operation.Adopt, on session: SessionID, by: Participant, holder: HolderConnection?,
        then completion: @escaping AnswerCompletion
    ) {
        let run = adopt.run
        let request = adopt.request ?? WorkID(unchecked: randomID("a-"))
        decide(on: session) { [self] (state) throws(Refusal) in
            guard let known = state.machine.run(run) else {
                throw Refusal(.runNotFound, "The session has no run \(run).")
            }
            let isNew = try state.machine.adopt(
                run, token: adopt.token, request: request, newToken: newToken(),
                leaseMilliseconds: adopt.leaseMilliseconds ?? known.leaseMilliseconds,
                by: .agent(known.agent, through: by), heldBy: by, at: environment.now())
            let former = isNew ? state.leases[run]?.holder : nil
            if isNew { state.leases[run] = nil }
            renewLease(of: run, holder: holder, &state)
            let answer = Answer(
                tail: state.machine.tail, body: JSONWriter.object { writeRunAndLease(run, state, to: &$0) })
            return (answer: answer, former: former)
        } then: { [self] result in
            completion(result.map(\.answer))
            guard case .success((_, let former?)) = result, former !== holder else { return }
            let refusal = Refusal(.runFenced, "Another process has adopted the run \(run). Stop working on it.")
            deliver(to: former.mailbox) { former.tell(session, run, .stop(refusal)) }
        }
    }
}
