extension SessionMachine {
    /// Cancels what the order names: accepted with all its effects, or rejected, in one go.
    mutating func cancel(_ id: CommandID, _ order: CommandOrder, by: Participant, at: Timestamp) throws(Refusal) {
        if case .input(let input) = order.target, inputs[input] == nil {
            return try remember(input, toCancelBy: id, order, by: by, at: at)
        }
        try requireExisting(order.target)
        let aim = aim(of: order.target, by: by)
        emit(.commandRequested(id: id, order: order, input: nil), by: by, at: at)
        guard !aim.isEmpty else {
            return emit(.commandRejected(.init(id: id, reason: aim.reason)), by: .server, at: at)
        }
        emit(.commandAccepted(.init(id: id)), by: .server, at: at)
        for input in aim.inputs { withdraw(input, by: by, command: id, at: at) }
        for command in aim.commands { expire(command, reason: "cancelled", becomesInput: false, at: at) }
        cancel(aim.runs, command: id, by: by, at: at)
    }

    /// Ends runs; the command is applied at once where nobody has to be told.
    mutating func cancel(
        _ targets: [RunID], command: CommandID, error: RunError? = nil, by: Participant, at: Timestamp
    ) {
        for run in targets {
            guard let run = runs[run], !run.state.isOver else { continue }
            finish(run, as: .cancelled, error: error, command: command, by: by, at: at)
        }
        guard !runs.items.contains(where: { $0.untold == command }) else { return }
        emit(.commandApplied(.init(id: command)), by: .server, at: at)
    }

    /// A stop can name an input before the server has ever seen it: it is remembered until the input comes.
    private mutating func remember(
        _ input: InputID, toCancelBy id: CommandID, _ order: CommandOrder, by: Participant, at: Timestamp
    ) throws(Refusal) {
        guard awaitedInputs.values.reduce(0, { $0 + $1.count }) < limits.awaitedInputs else {
            throw Refusal(.tooMany, "\(limits.awaitedInputs) cancels wait for inputs that have not come.")
        }
        emit(.commandRequested(id: id, order: order, input: nil), by: by, at: at)
        let time = max(at, lastAt)
        let expires = Timestamp(milliseconds: time.rawValue + limits.awaitedInputMilliseconds)
        emit(.commandAccepted(.init(id: id, expires: expires)), by: .server, at: at)
    }

    /// Takes an input that has just come out of the queue, if it was cancelled before.
    mutating func cancelIfAwaited(_ input: InputID, at: Timestamp) -> Bool {
        guard let waiting = awaitedInputs[input], let first = waiting.first.flatMap({ commands[$0] }) else {
            return false
        }
        emit(.inputWithdrawn(id: input, command: first.id, reason: nil), by: first.by, at: at)
        for id in waiting { emit(.commandApplied(.init(id: id)), by: .server, at: at) }
        return true
    }

    private struct Aim {
        var runs: [RunID] = []
        /// Those that no run has taken.
        var inputs: [InputID] = []
        /// Those that would become inputs where their runs end.
        var commands: [CommandID] = []
        /// Why there is nothing to cancel, where all are empty.
        var reason = "nothing_active"

        var isEmpty: Bool { runs.isEmpty && inputs.isEmpty && commands.isEmpty }
    }

    /// A run that is over is meant too: those below it may go on.
    private func aim(of target: Command.Target, by: Participant) -> Aim {
        switch target {
        case .run(let id):
            return Aim(runs: withDescendants([id]), reason: "run_ended")
        case .input(let id):
            guard let input = inputs[id] else { return Aim() }
            if input.isOpen { return Aim(inputs: [id]) }
            return Aim(runs: withDescendants(input.run.map { [$0] } ?? []), reason: "input_\(input.state.rawValue)")
        case .agent(let name):
            return Aim(
                runs: withDescendants(runs.items.filter { $0.agent == name }.map(\.id)),
                inputs: openInputs.filter { inputs[$0]?.agent == name })
        case .mine:
            let isMine: (InputID) -> Bool = { inputs[$0]?.by.id == by.id }
            return Aim(
                runs: withDescendants(runs.items.filter { $0.inputs.contains(where: isMine) }.map(\.id)),
                inputs: openInputs.filter(isMine), commands: openCommands.filter { commands[$0]?.by.id == by.id })
        case .all:
            return Aim(runs: activeRuns, inputs: openInputs, commands: openCommands)
        }
    }

    /// The inputs that no run has taken.
    private var openInputs: [InputID] {
        queuedInputs
            + activeRuns.flatMap { runs[$0]?.pending ?? [] }.compactMap { commands[$0]?.input }
            .filter { inputs[$0]?.state == .steering }
    }

    /// The commands that would become inputs.
    private var openCommands: [CommandID] {
        activeRuns.flatMap { runs[$0]?.pending ?? [] }.filter { commands[$0]?.order.becomesInput == true }
    }

    /// The active ones among these runs and the runs below them. A parent is always older than its children.
    func withDescendants(_ roots: [RunID]) -> [RunID] {
        var family = Set(roots)
        for run in runs.items {
            if let parent = run.parent, family.contains(parent) { family.insert(run.id) }
        }
        return activeRuns.filter(family.contains)
    }
}

extension Input {
    /// No run has taken it.
    var isOpen: Bool { state == .queued || state == .steering }
}

extension Command {
    /// The input that a cancel names, which may never have come.
    var awaitedInput: InputID? {
        if verb == .cancel, case .input(let id) = order.target { id } else { nil }
    }
}
