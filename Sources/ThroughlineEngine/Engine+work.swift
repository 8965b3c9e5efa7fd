public import NIOCore
public import ThroughlineCore

/// An input, with the run that was started for it.
public struct WorkAnswer: Sendable {
    public var session: SessionID
    /// One, or several that are answered together.
    public var inputs: [Input]
    public var run: RunID
    public var epoch: UInt64
    public var token: String
    public var leaseMilliseconds: Int64
    /// The answer as both transports send it.
    public var body: [UInt8]
}

extension Engine {
    /// An agent takes the next input addressed to it or to nobody, or waits for one.
    ///
    /// - Returns: Call it when the agent has gone away: then it gets nothing more.
    @discardableResult
    public func takeWork(
        _ work: WorkID, agent: AgentName, wait: TimeAmount, leaseMilliseconds: Int64, attempts: Int = 1,
        accepts: [Command.Verb]? = nil, budget: RunBudget? = nil, by participant: Participant,
        holder: HolderConnection? = nil,
        then completion: @escaping @Sendable (Result<WorkAnswer?, Refusal>) -> Void
    ) -> @Sendable () -> Void {
        do throws(Refusal) {
            try requireReady()
            try Access.require(.work, of: participant)
        } catch {
            completion(.failure(error))
            return {}
        }
        let waiter = WorkDesk.Waiter(
            work: work, agent: agent, by: .agent(agent, through: participant), heldBy: participant,
            leaseMilliseconds: leaseMilliseconds, attempts: attempts, accepts: accepts, budget: budget, holder: holder,
            completion: completion)
        switch desk.add(waiter) {
        case .claimed(let session, let run): repeatClaim(session, run, waiter)
        case .taken: completion(.failure(Self.workTaken(work)))
        case .refused: completion(.failure(Refusal(.tooMany, "Too many agents wait for work. Try again later.")))
        case .new:
            matchWork()
            let deadline = timers.scheduleTask(in: wait) { [desk] in desk.cancel(work) }
            return { [desk] in
                deadline.cancel()
                desk.cancel(work)
            }
        }
        return {}
    }

    private static func workTaken(_ work: WorkID) -> Refusal {
        Refusal(.idTaken, "Another agent asked for work as \(work). Use another id.")
    }

    /// The same work id again: the same run, the same lease. Not for an agent of another name.
    private func repeatClaim(_ session: SessionID, _ run: RunID, _ waiter: WorkDesk.Waiter) {
        decide(on: session) { [self] (state) throws(Refusal) in
            guard let known = state.machine.run(run), known.state != .queued else { return nil }
            guard known.agent == waiter.agent else { throw Self.workTaken(waiter.work) }
            renewLease(of: run, holder: waiter.holder, &state)
            return workAnswer(run, state)
        } then: {
            waiter.completion($0)
        }
    }

    /// Hands out what can be handed out.
    func matchWork() {
        while let (waiter, session) = desk.match() { claim(waiter, from: session) }
    }

    private func claim(_ waiter: WorkDesk.Waiter, from session: SessionID) {
        decide(on: session) { [self] (state) throws(Refusal) -> WorkAnswer? in
            guard let request = request(for: waiter, state.machine) else { return nil }
            _ = try state.machine.startRun(request, by: waiter.by, at: environment.now())
            metrics.runsStarted.increment()
            renewLease(of: request.id, holder: waiter.holder, &state)
            return workAnswer(request.id, state)
        } then: { [self] result in
            switch result {
            case .success(let answer?):
                desk.finish(waiter, .success(answer), claimed: (answer.session, answer.run))
            case .success(nil), .failure:
                if case .failure(let refusal) = result, refusal.code == .storageFailed {
                    // It cannot be read now, and what waits there must not be forgotten.
                    timers.scheduleTask(in: .seconds(1)) { [weak self] in self?.watch(session) }
                }
                // Nothing left there, or the session is gone: on to the next.
                isReady ? desk.putBack(waiter) : desk.finish(waiter, .success(nil), claimed: nil)
                if isReady { matchWork() }
            }
        }
    }

    /// A run that another agent of this name lost, or one for the next input.
    private func request(for waiter: WorkDesk.Waiter, _ machine: SessionMachine) -> RunRequest? {
        var request = RunRequest(
            id: RunID(unchecked: randomID("r-")), agent: waiter.agent, accepts: waiter.accepts,
            leaseMilliseconds: waiter.leaseMilliseconds, attempts: waiter.attempts, token: newToken(), work: waiter.work
        )
        request.heldBy = waiter.heldBy
        if let run = machine.queuedRun(for: waiter.agent) {
            request.id = run
        } else {
            request.budget = waiter.budget
            request.inputs = machine.claimableInputs(for: waiter.agent)
            if request.inputs.isEmpty { return nil }
        }
        return request
    }

    /// Sessions that seem to have something for an agent which nobody has come for, oldest first.
    public func sessionsWithWork(for agent: AgentName, limit: Int) -> [SessionID] {
        isReady ? desk.waiting(for: agent, limit: limit) : []
    }

    /// What an agent would get of a session now: a queued run or an input. Takes nothing.
    public func waitingWork(
        in session: SessionID, for agent: AgentName
    ) async throws(Refusal) -> (input: InputID, run: RunID?)? {
        try await decided(on: session) { (state) throws(Refusal) -> (input: InputID, run: RunID?)? in
            if let run = state.machine.queuedRun(for: agent), let input = state.machine.run(run)?.inputs.first {
                return (input, run)
            }
            return state.machine.claimableInput(for: agent).map { ($0, nil) }
        }
    }

    private func workAnswer(_ run: RunID, _ state: LiveSession.State) -> WorkAnswer? {
        let inputs = (state.machine.run(run)?.inputs ?? []).compactMap { state.machine.input($0) }
        guard let lease = state.machine.lease(of: run), let input = inputs.first else { return nil }
        let session = state.machine.info.id
        return WorkAnswer(
            session: session, inputs: inputs, run: run, epoch: lease.epoch, token: lease.token,
            leaseMilliseconds: lease.milliseconds,
            body: JSONWriter.object {
                $0.field("session", session.value)
                $0.key("input")
                input.write(to: &$0)
                if inputs.count > 1 {
                    $0.key("inputs")
                    $0.array(inputs) { $1.write(to: &$0) }
                }
                writeRunAndLease(run, state, to: &$0)
            })
    }

    /// Sends home all who wait for work.
    public func dismissWaiters() {
        for completion in desk.cancelAll() { completion(.success(nil)) }
    }
}
