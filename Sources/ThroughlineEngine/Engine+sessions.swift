import DequeModule
import Logging
import NIOCore
import Synchronization
import ThroughlineCore

extension Engine {
    /// Finds a session and brings it into memory if it is not there.
    func lookUp(_ id: SessionID, then completion: @escaping Directory.Waiter) {
        switch directory.find(id, waiter: completion) {
        case .live(let live): completion(.success(live))
        case .loading(let isFirst): if isFirst { load(id) }
        case .absent: completion(.failure(absent(id)))
        }
    }

    func absent(_ id: SessionID) -> Refusal {
        switch store.status(of: StreamID(id)) {
        case .erased: return Refusal(.sessionErased, "The session was erased. Its id is not used again.")
        // It is there, and so damaged that not even its summary can be read.
        case .live: return unreadable(id, "it is damaged")
        case .absent: break
        }
        return Refusal(.sessionNotFound, "There is no session \(id). Create it with PUT /v1/sessions/\(id).")
    }

    private func load(_ id: SessionID) {
        metrics.storedReads.increment()
        pool.run(for: id) { [self] in
            let result = replay(id)
            if case .success(let live) = result { adopt(live) }
            for waiter in directory.loaded(id, result) { waiter(result) }
            guard case .success(let live) = result else { return }
            wakeAll(of: live)
            checkViewers(of: id)
        }
    }

    private func replay(_ id: SessionID) -> Result<LiveSession, Refusal> {
        var machine: SessionMachine?
        var checkpointed = SequenceNumber.zero
        if let kept = loadFromCheckpoint(id) { (machine, checkpointed) = kept }
        var position = machine?.tail ?? .zero
        do throws(StoreError) {
            while true {
                let records = try store.read(StreamID(id), after: position, limit: ReadLimit(bytes: 4 << 20))
                guard let last = records.last else { break }
                position = last.sequence
                if machine == nil {
                    machine = SessionMachine(replaying: records, limits: configuration.session)
                } else if machine?.replay(records) != true {
                    machine = nil
                }
                guard machine != nil else { return .failure(unreadable(id, "after \(position)")) }
            }
        } catch {
            return .failure(unreadable(id, "\(error)"))
        }
        guard let machine else { return .failure(absent(id)) }
        return .success(
            LiveSession(
                machine: machine, durable: machine.tail, checkpointed: checkpointed, now: environment.monotonic()))
    }

    private func unreadable(_ id: SessionID, _ reason: String) -> Refusal {
        logger.error("a session cannot be read", metadata: ["tl.session.id": "\(id)", "tl.reason": "\(reason)"])
        return Refusal(.storageFailed, "The session cannot be read from the store. See the server's log.")
    }

    /// Gives the runs of a session that came from the store their leases, anew and in full.
    private func adopt(_ live: LiveSession) {
        let now = environment.monotonic()
        live.state.withLock { state in
            // Who watched before may not have come back, or may have come since.
            lookForViewers(of: live.id, &state)
            for run in state.machine.activeRunIDs + state.machine.untoldRuns {
                guard let lease = state.machine.lease(of: run) else { continue }
                state.setLease(
                    .init(deadline: now + lease.milliseconds, milliseconds: lease.milliseconds), of: run)
            }
            for queued in state.machine.queuedRunPauses {
                let rest = min(queued.milliseconds, queued.notBefore.rawValue - environment.now().rawValue)
                if rest <= 0 {
                    state.machine.endPause(of: queued.run)
                } else {
                    state.setPause(of: queued.run, until: now + rest)
                }
            }
            state.setWakeUp(environment.time)
            alarms.set(for: live, &state)
        }
    }

    /// Runs a decision on a session's machine; the completion comes when all that the result rests on is durable.
    func decide<Value: Sendable>(
        on id: SessionID,
        _ decision: @escaping @Sendable (inout LiveSession.State) throws(Refusal) -> Value,
        then completion: @escaping @Sendable (Result<Value, Refusal>) -> Void
    ) {
        do throws(Refusal) {
            try requireReady()
        } catch {
            return completion(.failure(error))
        }
        lookUp(id) { [self] result in
            switch result {
            case .failure(let refusal): completion(.failure(refusal))
            case .success(let live):
                if !decide(on: live, decision, then: completion) { decide(on: id, decision, then: completion) }
            }
        }
    }

    private enum Decided<Value> {
        case retired, waiting
        case done(Result<Value, Refusal>)
    }

    /// False if this object is the session no longer: look it up again.
    func decide<Value: Sendable>(
        on live: LiveSession,
        _ decision: (inout LiveSession.State) throws(Refusal) -> Value,
        then completion: @escaping @Sendable (Result<Value, Refusal>) -> Void
    ) -> Bool {
        metrics.operations.increment()
        let decided: Decided<Value> = live.state.withLock { state in
            switch state.retirement {
            case .reload: return .retired
            case .erased: return waitForErasure(of: live, &state, completion)
            case nil: break
            }
            state.touched = environment.monotonic()
            let result: Result<Value, Refusal>
            do throws(Refusal) {
                result = .success(try decision(&state))
            } catch {
                metrics.refusals.increment()
                result = .failure(error)
            }
            if let emission = state.machine.drain() { submit(emission, of: live, &state) }
            if state.machine.nextWakeUp != nil { state.setWakeUp(environment.time) }
            alarms.set(for: live, &state)
            guard state.durableTicket < state.decidedTicket else { return .done(result) }
            state.waiters.append(
                (
                    state.decidedTicket,
                    .closure { failure in completion(failure.map { .failure($0) } ?? result) }
                ))
            return .waiting
        }
        switch decided {
        case .retired: return false
        case .waiting: return true
        case .done(let result):
            completion(result)
            return true
        }
    }

    /// That a session is erased may be said only once it is.
    private func waitForErasure<Value: Sendable>(
        of live: LiveSession, _ state: inout LiveSession.State,
        _ completion: @escaping @Sendable (Result<Value, Refusal>) -> Void
    ) -> Decided<Value> {
        if store.status(of: live.stream) == .erased { return .done(.failure(absent(live.id))) }
        state.waiters.append((.max, .closure { [self] in completion(.failure($0 ?? absent(live.id))) }))
        return .waiting
    }

    /// Hands records to the store, while the session's lock is held: the log has the order of the decisions.
    ///
    /// - Parameter isDeferred: The caller calls `commitDeferred` of the store when it has let go of the lock.
    func submit(
        _ emission: SessionMachine.Emission, of live: LiveSession, _ state: inout LiveSession.State,
        isDeferred: Bool = false
    ) {
        state.decidedTicket += 1
        let ticket = state.decidedTicket
        let tail = state.machine.tail
        let events = emission.records.count { $0.kind == .event }
        let summary = emission.summary == nil ? nil : state.machine.summary
        let checkpoint = dueCheckpoint(of: &state)
        state.snapshot = nil
        state.window.append(emission.records)
        let append = LogAppend(
            stream: live.stream, expecting: SequenceNumber(tail.rawValue - UInt64(events)), records: emission.records,
            summary: emission.summary)
        let completion: LogCompletion = { [self] result in
            postman.beginCommit()
            switch result {
            case .success:
                metrics.appends.increment()
                metrics.events.increment(by: events)
                committed(live, ticket: ticket, tail: tail, summary: summary)
                if let checkpoint { saveCheckpoint(checkpoint) }
            case .failure(let error):
                failed(live, error)
            }
        }
        if isDeferred {
            store.append(deferring: append, completion: completion)
        } else {
            store.append(append, completion: completion)
        }
    }

    private func committed(_ live: LiveSession, ticket: UInt64, tail: SequenceNumber, summary: SessionSummary?) {
        let limit = configuration.windowBytes
        let (finished, groups) = live.state.withLock { state in
            state.durableTicket = ticket
            state.durable = tail
            state.window.trim(to: limit, durable: tail)
            var finished: [LiveSession.Waiter] = []
            while let next = state.waiters.first, next.ticket <= ticket {
                finished.append(next.waiter)
                state.waiters.removeFirst()
            }
            return (finished, state.readers.all)
        }
        if let summary { directory.update(live.id, summary: summary) }
        for waiter in finished { finish(waiter, nil) }
        wake(groups)
        if let summary {
            desk.update(live.id, claimable: summary.claimable, works: summary.works)
            if !summary.claimable.isEmpty { matchWork() }
        }
    }

    /// What was decided and did not become durable is dropped: the session is read from the store anew by whoever needs it.
    private func failed(_ live: LiveSession, _ error: StoreError) {
        metrics.appendFailures.increment()
        if case .failed(let reason) = error { storeFailed(reason) }
        let (finished, groups) = live.state.withLock { state in
            if state.retirement == nil { state.retire(.reload) }
            let finished = state.waiters.map(\.waiter)
            state.waiters = []
            return (finished, state.readers.all)
        }
        directory.release(live)
        for waiter in finished { finish(waiter, Refusal(error)) }
        wake(groups)
        if case .failed = error { return }
        logger.warning("an append was refused", metadata: ["tl.session.id": "\(live.id)", "tl.reason": "\(error)"])
        timers.scheduleTask(in: .seconds(1)) { [weak self] in self?.watch(live.id) }
    }

    /// Brings a session into memory whose runs have to be watched and whose inputs wait: after a start, and a while after an append
    /// that failed. Where it cannot be read, tries again, less and less often: an agent that died must be noticed all the same.
    func watch(_ id: SessionID, retryAfter delay: TimeAmount = .seconds(1)) {
        lookUp(id) { [self] result in
            guard case .success(let live) = result else {
                guard case .failure(let refusal) = result, refusal.code == .storageFailed, isReady else { return }
                timers.scheduleTask(in: delay) { [weak self] in
                    self?.watch(id, retryAfter: .nanoseconds(min(delay.nanoseconds * 2, 300_000_000_000)))
                }
                return
            }
            let summary = live.state.withLock { $0.machine.summary }
            offer(summary)
        }
    }

    /// Tells who waited that it is durable, or why it will never be.
    func finish(_ waiter: LiveSession.Waiter, _ refusal: Refusal?) {
        switch waiter {
        case .closure(let finish): finish(refusal)
        case .writer(var receipt):
            receipt.refusal = refusal
            postman.post(.receipt(receipt), to: receipt.writer.mailbox)
        }
    }

    func wake(_ groups: [ReaderGroups<Subscription>.Group]) {
        postman.wake(groups)
    }

    private func wakeAll(of live: LiveSession) {
        wake(live.state.withLock { $0.readers.all })
    }

    /// Looks at all that is in memory, on a thread that may take its time.
    func tidy() {
        pool.run { [weak self] in
            self?.releaseIdle()
            self?.checkpointLate()
            self?.streams.tidy()
        }
    }

    /// Lets go of sessions that nobody has touched for a while.
    func releaseIdle() {
        let limit = environment.monotonic() - configuration.idleMilliseconds
        for live in directory.allLive {
            let leaving: (machine: SessionMachine, checkpointed: SequenceNumber)? = live.state.withLock { state in
                guard state.touched < limit, state.readers.isEmpty, state.leases.isEmpty, state.waiters.isEmpty,
                    state.durableTicket == state.decidedTicket, state.retirement == nil
                else { return nil }
                defer { state.retire(.reload) }
                return (state.machine, state.checkpoints.sequence)
            }
            if let leaving {
                directory.release(live)
                checkpointLeaving(leaving.machine, since: leaving.checkpointed)
            }
        }
    }
}
