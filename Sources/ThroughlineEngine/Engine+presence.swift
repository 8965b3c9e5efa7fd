import Synchronization
public import ThroughlineCore

extension Engine {
    /// Says that a reader is somebody who is there, and may want to be told who else is. Called once it is attached.
    public func arrive(_ subscription: Subscription, watcher: (any PresenceWatcher)?) {
        let time = environment.time
        let participant = subscription.participant
        let read = directory.live(subscription.session)?.state.withLock { $0.machine.readMark(of: participant) }
        presence.with(subscription.session) { board in
            board.arrive(participant, read: read ?? nil, reader: ObjectIdentifier(subscription), time)
            if let watcher { board.watch(watcher, as: ObjectIdentifier(subscription)) }
        }
        checkViewers(of: subscription.session)
    }

    /// The reader is gone; others notice when it does not come back soon.
    func leave(_ subscription: Subscription) {
        let time = environment.time
        presence.with(subscription.session) { board in
            board.leave(subscription.participant, reader: ObjectIdentifier(subscription), time)
        }
        checkViewers(of: subscription.session)
    }

    /// Tells a session that minds whether anybody watches it now.
    func checkViewers(of session: SessionID) {
        guard isReady, let live = directory.live(session) else { return }
        guard live.state.withLock({ $0.retirement == nil && $0.machine.mindsViewers }) else { return }
        _ = decide(on: live) { (state) throws(Refusal) in
            lookForViewers(of: session, &state)
        } then: { _ in
        }
    }

    /// The same while its lock is held: who comes or goes meanwhile asks again.
    func lookForViewers(of session: SessionID, _ state: inout LiveSession.State) {
        state.machine.setWatched(presence.isWatched(session, environment.monotonic()), at: environment.now())
    }

    /// Somebody says what they do. It is live only: nothing of it is stored.
    public func say(
        _ word: PresenceWord, in session: SessionID, by participant: Participant,
        then completion: @escaping AnswerCompletion
    ) {
        guard Access.permits(.read, to: participant, orTell: completion) else { return }
        lookUp(session) { [self] result in
            completion(
                result.map { live in
                    let time = environment.time
                    presence.with(session) { $0.say(word, by: participant, time) }
                    checkViewers(of: session)
                    return presenceAnswer(live)
                })
        }
    }

    /// Somebody has seen everything up to an event: kept for each participant and device.
    public func markRead(
        upTo sequence: SequenceNumber, in session: SessionID, by participant: Participant,
        then completion: @escaping AnswerCompletion
    ) {
        guard Access.permits(.read, to: participant, orTell: completion) else { return }
        decide(on: session) { [self] (state) throws(Refusal) in
            let read = state.machine.markRead(upTo: sequence, by: participant, at: environment.now())
            let answer = Answer(
                tail: state.machine.tail,
                body: JSONWriter.object {
                    $0.field("read", read.rawValue)
                    $0.field("tail", state.machine.tail.rawValue)
                })
            return (answer, read: read)
        } then: { [self] result in
            if case .success((_, read: let read)) = result {
                presence.with(session) { $0.mark(read, by: participant) }
            }
            completion(result.map { $0.0 })
        }
    }

    /// Who is there, and how the agents are that work: `{"presence": [...]}`.
    public func presence(
        in session: SessionID, by participant: Participant, then completion: @escaping AnswerCompletion
    ) {
        guard Access.permits(.read, to: participant, orTell: completion) else { return }
        lookUp(session) { [self] result in completion(result.map { presenceAnswer($0) }) }
    }

    private func presenceAnswer(_ live: LiveSession) -> Answer {
        let now = environment.monotonic()
        let agents = agentLines(of: live, now)
        let list = presence.with(live.id) { board in
            board.expire(now)
            board.setAgents(agents)
            return board.list
        }
        return Answer(body: JSONWriter.object { $0.field("presence", raw: list) })
    }

    /// How the agents of a session's runs are, by their leases and not by their own word: a JSON array.
    ///
    /// A queued run is in no agent's hands. One that has only to wait for those below it needs no lease, and is not late for that.
    private func agentLines(of live: LiveSession, _ now: Int64) -> [UInt8] {
        live.state.withLock { state in
            let runs = state.machine.activeRunIDs.compactMap { state.machine.run($0) }
            let taken = runs.filter { $0.state != .queued }
            return JSONWriter.value { writer in
                writer.array(taken.prefix(PresenceLimits.entries)) { writer, run in
                    let lease = state.leases[run.id]
                    let isLate = run.isHeldByAgent && (lease.map { $0.deadline - now < $0.milliseconds / 2 } ?? true)
                    writer.object {
                        $0.field("id", run.agent.value)
                        $0.field("role", Participant.Role.agent.rawValue)
                        $0.field("run", run.id.value)
                        $0.field("health", isLate ? "late" : "good")
                    }
                }
            }
        }
    }

    /// Tells who watches of what has changed.
    func tellPresence() {
        let now = environment.monotonic()
        for session in presence.watched {
            guard let live = directory.live(session) else { continue }
            let agents = agentLines(of: live, now)
            presence.with(session) { $0.setAgents(agents) }
        }
        let news = presence.tick(now)
        for (list, watchers) in news.lists {
            for watcher in watchers { watcher.presenceChanged(list) }
        }
        for session in news.left { checkViewers(of: session) }
    }
}
