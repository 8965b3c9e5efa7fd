extension SessionMachine {
    /// Decides a cancel: requested, then accepted with all its effects or rejected, in one go. False if the command is known:
    /// nothing happens again.
    public mutating func cancel(
        _ id: CommandID, target: Command.Target, by: Participant, at: Timestamp
    ) throws(Refusal) -> Bool {
        if commands[id] != nil { return false }
        try requireExisting(target)
        let aim = aim(of: target, by: by)
        emit(.commandRequested(id: id, target: target), by: by, at: at)
        guard !aim.runs.isEmpty || !aim.inputs.isEmpty else {
            emit(.commandRejected(id: id, reason: aim.reason), by: .server, at: at)
            return true
        }
        emit(.commandAccepted(id: id), by: .server, at: at)
        for input in aim.inputs { emit(.inputWithdrawn(id: input, command: id), by: by, at: at) }
        for run in aim.runs {
            if let run = runs[run] { finish(run, as: .cancelled, command: id, by: by, at: at) }
        }
        if aim.runs.isEmpty { emit(.commandApplied(id: id), by: .server, at: at) }
        return true
    }

    private struct Aim {
        var runs: [RunID] = []
        var inputs: [InputID] = []
        /// Why there is nothing to cancel, where both are empty.
        var reason = "nothing_active"
    }

    private func requireExisting(_ target: Command.Target) throws(Refusal) {
        switch target {
        case .run(let id) where runs[id] == nil:
            throw Refusal(.runNotFound, "The session has no run \(id).")
        case .input(let id) where inputs[id] == nil:
            throw Refusal(.inputNotFound, "The session has no input \(id).")
        default:
            return
        }
    }

    private func aim(of target: Command.Target, by: Participant) -> Aim {
        switch target {
        case .run(let id):
            return Aim(runs: withDescendants([id]), reason: "run_ended")
        case .input(let id):
            guard let input = inputs[id] else { return Aim() }
            if input.state == .queued { return Aim(inputs: [id]) }
            return Aim(runs: withDescendants(input.run.map { [$0] } ?? []), reason: "input_\(input.state.rawValue)")
        case .agent(let name):
            return Aim(
                runs: withDescendants(activeRuns.filter { runs[$0]?.agent == name }),
                inputs: queuedInputs.filter { inputs[$0]?.agent == name })
        case .mine:
            let isMine: (InputID) -> Bool = { inputs[$0]?.by.id == by.id }
            return Aim(
                runs: withDescendants(activeRuns.filter { runs[$0]?.inputs.contains(where: isMine) == true }),
                inputs: queuedInputs.filter(isMine))
        case .all:
            return Aim(runs: activeRuns, inputs: queuedInputs)
        }
    }

    /// The active ones among these runs and the runs below them. A parent is always older than its children.
    private func withDescendants(_ roots: [RunID]) -> [RunID] {
        var family = Set(roots)
        for run in runs.items {
            if let parent = run.parent, family.contains(parent) { family.insert(run.id) }
        }
        return activeRuns.filter(family.contains)
    }
}
