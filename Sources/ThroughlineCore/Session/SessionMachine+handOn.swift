/// A run whose agent was lost goes on: the same run, with the next epoch, in the hands of another agent of that name.
extension SessionMachine {
    /// Whether a run is begun again when its lease runs out. One without inputs is its agent's own affair; one that people have paused
    /// must not go on without them.
    func canBeHandedOn(_ run: Run) -> Bool {
        !run.inputs.isEmpty && run.attempt < run.attempts && run.waiting != Run.Wait.paused
    }

    /// The pause before an attempt: it doubles with each.
    static func pause(before attempt: Int, _ limits: SessionLimits) -> Int64 {
        let doublings = min(max(attempt - 2, 0), 30)
        return min(limits.firstPauseMilliseconds << Int64(doublings), limits.longestPauseMilliseconds)
    }

    /// What its holder left open ends as interrupted, and the run waits.
    mutating func handOn(_ run: Run, at: Timestamp) {
        finishMessages(of: run.id, as: .interrupted, by: .server, at: at)
        finishSteps(of: run.id, as: .interrupted, by: .server, at: at)
        withdrawRequests(of: run.id, as: .lost, at: at)
        let attempt = run.attempt + 1
        let notBefore = max(at, lastAt).rawValue + Self.pause(before: attempt, limits)
        emit(
            .runQueued(.init(id: run.id, attempt: attempt, notBefore: Timestamp(milliseconds: notBefore))),
            by: .server, at: at)
    }

    /// The runs that wait to be taken on, each with the pause that it has to keep.
    public var queuedRunPauses: [(run: RunID, notBefore: Timestamp, milliseconds: Int64)] {
        queuedRuns.compactMap { id in
            guard let run = runs[id], !run.isReady else { return nil }
            return (id, run.notBefore ?? run.at, Self.pause(before: run.attempt, limits))
        }
    }

    /// The pause of a queued run is over: from now on it is given to who asks for work. Not an event: a clock that went back must
    /// not keep it waiting, so the shell measures the pause.
    public mutating func endPause(of id: RunID) {
        guard let index = runs.index(of: id), runs[index].state == .queued else { return }
        runs[index].isReady = true
    }

    /// The run that an agent of this name has to take on before anything else.
    public func queuedRun(for agent: AgentName) -> RunID? {
        guard baton == nil else { return nil }
        return queuedRuns.first { runs[$0]?.agent == agent && runs[$0]?.isReady == true }
    }

    /// Gives a queued run to an agent. `request` brings the lease.
    mutating func takeOn(_ run: Run, _ request: RunRequest, by: Participant, at: Timestamp) {
        let start = EventBody.RunStart(
            id: run.id, agent: run.agent, label: run.label, parent: run.parent, inputs: run.inputs,
            epoch: run.epoch + 1, leaseMilliseconds: request.leaseMilliseconds,
            waitsForChildren: run.waitsForChildren, accepts: request.accepts, budget: run.budget,
            attempt: run.attempt,
            attempts: run.attempts)
        emit(
            .runStarted(start), by: by, at: at,
            note: Note(run: run.id, token: request.token, heldBy: request.heldBy, work: request.work))
    }

    /// A queued run keeps its place among the active ones.
    var hasRoomForRun: Bool { activeRuns.count < limits.activeRuns }

    /// The queued runs that can be given out, each by its agent, with the time from when.
    var readyRuns: [(agent: AgentName?, since: Timestamp)] {
        queuedRuns.compactMap { id in
            guard let run = runs[id], run.isReady else { return nil }
            return (run.agent, run.notBefore ?? run.at)
        }
    }
}
