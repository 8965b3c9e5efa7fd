extension SessionMachine {
    /// The first input that an agent of this name would get now. In a closed session none is begun any more.
    public func claimableInput(for agent: AgentName) -> InputID? {
        guard info.state == .open, baton == nil else { return nil }
        let queues = queues
        return queuedInputs.first { id in
            guard let input = inputs[id] else { return false }
            return (input.agent == nil || input.agent == agent) && queues.isOpen(for: input)
        }
    }

    /// The same, with those behind it in its queue that go to the same run.
    public func claimableInputs(for agent: AgentName) -> [InputID] {
        guard let first = claimableInput(for: agent), let queue = inputs[first].map(\.agent) else { return [] }
        let behind = queuedInputs.drop { $0 != first }.dropFirst().filter { inputs[$0]?.agent == queue }
        let merged = behind.prefix { inputs[$0]?.followUp == .merge && follows($0, first) }
        return [first] + merged.prefix(limits.mergedInputs - 1)
    }

    /// Whether an input is in the branch of an earlier one: no answer is mixed with that of a branch beside it.
    private func follows(_ input: InputID, _ earlier: InputID) -> Bool {
        branches.isEmpty || lineage(of: input).contains { $0.id == earlier }
    }

    /// The queues that have an input or a queued run to hand out, each with the time of its oldest. `nil` is the queue for any agent.
    public var claimableQueues: [(agent: AgentName?, since: Timestamp)] {
        let state = queues
        var seen: Set<AgentName?> = []
        var found = readyRuns
        guard info.state == .open else { return found }
        for id in queuedInputs {
            guard let input = inputs[id], state.isOpen(for: input), seen.insert(input.agent).inserted else { continue }
            found.append((input.agent, input.at))
        }
        return found
    }

    /// Inputs addressed to one agent are one queue, those addressed to nobody are another.
    private struct Queues {
        /// An input of theirs is being answered.
        var busy: Set<AgentName?> = []
        /// Nothing of theirs is handed out: a run that answers is paused, or was asked to.
        var paused: Set<AgentName?> = []

        func isOpen(for input: Input) -> Bool {
            !paused.contains(input.agent) && (input.followUp == .concurrent || !busy.contains(input.agent))
        }
    }

    private var queues: Queues {
        var queues = Queues()
        for id in activeRuns {
            guard let run = runs[id] else { continue }
            let isPaused =
                run.waiting == Run.Wait.paused || run.pending.contains { commands[$0]?.verb == .pause }
            for input in run.inputs {
                queues.busy.insert(inputs[input]?.agent)
                if isPaused { queues.paused.insert(inputs[input]?.agent) }
            }
        }
        return queues
    }

    /// The active runs that answer inputs of a queue, oldest first.
    func runsAnswering(_ queue: AgentName?) -> [Run] {
        activeRuns.compactMap { runs[$0] }.filter { run in run.inputs.contains { inputs[$0]?.agent == queue } }
    }

    /// The runs that answer or answered inputs of a queue and that, or others below them, have not ended; oldest first, and of a
    /// family only the one above all others.
    private func familiesAnswering(_ queue: AgentName?) -> [RunID] {
        var roots: Set<RunID> = []
        for id in activeRuns {
            var root: RunID?
            var above = runs[id]
            while let run = above {
                if run.inputs.contains(where: { inputs[$0]?.agent == queue }) { root = run.id }
                above = run.parent.flatMap { runs[$0] }
            }
            if let root { roots.insert(root) }
        }
        return roots.sorted { runs.index(of: $0) ?? 0 < runs.index(of: $1) ?? 0 }
    }

    /// What a new input does to the others of its queue. It is in the queue already.
    mutating func applyFollowUp(
        _ policy: FollowUp, of input: InputID, in queue: AgentName?, by: Participant, at: Timestamp
    ) {
        switch policy {
        case .latest:
            for older in queuedInputs where older != input && inputs[older]?.agent == queue {
                emit(.inputWithdrawn(id: older, command: nil, reason: "superseded"), by: by, at: at)
            }
        case .interrupt:
            for run in familiesAnswering(queue) {
                let id = unusedCommandID("follow-up")
                let order = CommandOrder(verb: .cancel, target: .run(run))
                emit(.commandRequested(id: id, order: order, input: nil), by: by, at: at)
                emit(.commandAccepted(.init(id: id)), by: .server, at: at)
                cancel(withDescendants([run]), command: id, by: by, at: at)
            }
        case .steer:
            let run = runsAnswering(queue).last {
                $0.isHeldByAgent && $0.accepts?.contains(.steer) != false && $0.pending.count < limits.pendingCommands
                    && $0.inputs.contains { follows(input, $0) }
            }
            if let run { steer(run, with: input, by: by, at: at) }
        case .queue, .merge, .reject, .concurrent: break
        }
    }
}
