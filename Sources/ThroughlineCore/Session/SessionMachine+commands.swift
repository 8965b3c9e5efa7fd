extension SessionMachine {
    /// Takes an order. False if the very command is known: nothing happens again.
    public mutating func take(
        _ order: CommandOrder, as id: CommandID, by: Participant, at: Timestamp
    ) throws(Refusal) -> Bool {
        if let known = commands[id] {
            try requireSame(known, by, isSame: known.order == order)
            return false
        }
        switch order.verb {
        case .cancel: try cancel(id, order, by: by, at: at)
        case .steer, .interrupt, .pause, .resume: try control(id, order, by: by, at: at)
        case .takeover, .handback: preconditionFailure("\(order.verb) has a way of its own")
        }
        return true
    }

    /// A command is repeated by who gave it, with the same order.
    func requireSame(_ known: Command, _ by: Participant, isSame: Bool) throws(Refusal) {
        guard isSame, known.by.id == by.id, known.by.role == by.role else {
            throw Refusal(.idTaken, "There is another command \(known.id) already. Use another id.")
        }
    }

    /// The accepted commands that the agent of a run has not carried out yet, oldest first.
    public func pendingCommands(of run: RunID) -> [Command] { runs[run]?.pending.compactMap { commands[$0] } ?? [] }

    func requireExisting(_ target: Command.Target) throws(Refusal) {
        switch target {
        case .run(let id) where runs[id] == nil:
            throw Refusal(.runNotFound, "The session has no run \(id).")
        case .input(let id) where inputs[id] == nil:
            throw Refusal(.inputNotFound, "The session has no input \(id).")
        default:
            return
        }
    }

    private mutating func control(
        _ id: CommandID, _ order: CommandOrder, by: Participant, at: Timestamp
    ) throws(Refusal) {
        try requireExisting(order.target)
        let aim = runToControl(order.target, by: by)
        if case .success(let run) = aim, run.pending.count >= limits.pendingCommands {
            throw Refusal(.tooMany, "\(limits.pendingCommands) commands wait for the agent of the run \(run.id).")
        }
        emit(.commandRequested(id: id, order: order, input: nil), by: by, at: at)
        switch aim {
        case .failure(let reason):
            reject(id, order, reason: reason.text, run: reason.run, by: by, at: at)
        case .success(let run):
            if let reason = objection(to: order.verb, of: run) {
                reject(id, order, reason: reason, run: run.id, by: by, at: at)
            } else {
                accept(id, order.verb, by: run, from: by, at: at)
            }
        }
    }

    /// Why no run is meant.
    private struct NoRun: Error {
        var text: String
        /// The one that was named.
        var run: RunID?
    }

    /// The one run that has to carry a command out.
    private func runToControl(_ target: Command.Target, by: Participant) -> Result<Run, NoRun> {
        switch target {
        case .run(let id): return going(id, otherwise: "run_ended")
        case .input(let id):
            guard let input = inputs[id], let run = input.run else {
                return .failure(NoRun(text: "input_\(inputs[id]?.state ?? .queued)"))
            }
            return going(run, otherwise: "run_ended")
        case .agent(let name): return only { $0.agent == name }
        case .mine:
            return only { run in run.inputs.contains { inputs[$0]?.by.id == by.id } }
        case .all:
            return only { run in run.parent.flatMap { runs[$0] }?.state.isOver != false }
        }
    }

    private func going(_ id: RunID, otherwise reason: String) -> Result<Run, NoRun> {
        guard let run = runs[id], run.isHeldByAgent else {
            return .failure(NoRun(text: runs[id]?.state == .queued ? "run_queued" : reason, run: id))
        }
        return .success(run)
    }

    private func only(where isMeant: (Run) -> Bool) -> Result<Run, NoRun> {
        let found = activeRuns.compactMap { runs[$0] }.filter { $0.isHeldByAgent && isMeant($0) }
        guard let run = found.first else { return .failure(NoRun(text: "nothing_active")) }
        return found.count == 1 ? .success(run) : .failure(NoRun(text: "several_active", run: run.id))
    }

    /// Why the run cannot carry such a command out.
    private func objection(to verb: Command.Verb, of run: Run) -> String? {
        // What the agent was told last of these says how it will be.
        let last = run.pending.compactMap { commands[$0]?.verb }.last { $0 == .pause || $0 == .resume }
        let willBePaused = last.map { $0 == .pause } ?? (run.waiting == Run.Wait.paused)
        switch verb {
        case .pause where willBePaused: return "run_paused"
        case .resume where last == .resume: return "run_resuming"
        case .resume where !willBePaused: return "run_not_paused"
        case .resume: return nil
        default: return run.accepts?.contains(verb) == false ? "not_supported" : nil
        }
    }

    private mutating func reject(
        _ id: CommandID, _ order: CommandOrder, reason: String, run: RunID?, by: Participant, at: Timestamp
    ) {
        let input = order.becomesInput ? inputForLeftOver(id) : nil
        emit(.commandRejected(.init(id: id, reason: reason, input: input)), by: .server, at: at)
        if let input { add(input, madeOf: id, run: run, at: at) }
    }

    private mutating func accept(
        _ id: CommandID, _ verb: Command.Verb, by run: Run, from sender: Participant, at: Timestamp
    ) {
        emit(.commandAccepted(.init(id: id, run: run.id, expires: commandExpiry(at))), by: .server, at: at)
        switch verb {
        case .interrupt:
            for message in runs[run.id]?.openMessages ?? [] { finish(message, as: .interrupted, by: sender, at: at) }
        case .resume:
            // Where it has not paused yet, it need not.
            for pause in run.pending where commands[pause]?.verb == .pause {
                expire(pause, reason: "resumed", at: at)
            }
            if run.waiting != Run.Wait.paused { emit(.commandApplied(.init(id: id)), by: .server, at: at) }
        case .steer, .pause, .cancel, .takeover, .handback: break
        }
    }

    private func commandExpiry(_ at: Timestamp) -> Timestamp {
        Timestamp(milliseconds: max(at, lastAt).rawValue + limits.commandMilliseconds)
    }

    /// Offers an input that has just come to a run, as a command of its own.
    mutating func steer(_ run: Run, with input: InputID, by: Participant, at: Timestamp) {
        let id = unusedCommandID("follow-up")
        emit(
            .commandRequested(id: id, order: CommandOrder(verb: .steer, target: .run(run.id)), input: input), by: by,
            at: at)
        accept(id, .steer, by: run, from: by, at: at)
    }

    /// For commands that nobody named: the number of their event makes them unique, if nobody else says so.
    func unusedCommandID(_ kind: StaticString) -> CommandID {
        var id = CommandID(unchecked: "\(kind)-\(tail.next.rawValue)")
        while commands[id] != nil { id = CommandID(unchecked: id.value + ".") }
        return id
    }
}

// MARK: What an agent does with them

extension SessionMachine {
    func pendingCommand(_ id: CommandID, of run: Run) throws(Refusal) -> Command {
        guard let command = commands[id], command.run == run.id else {
            throw Refusal(.commandNotFound, "The run \(run.id) has no command \(id).")
        }
        guard command.state == .accepted else {
            throw Refusal(.commandEnded, "The command \(id) is \(command.state.rawValue): leave it.")
        }
        return command
    }

    mutating func carryOut(_ command: Command, by run: Run, at: Timestamp) {
        let agent = Participant.agent(run.agent)
        let hasWords = command.verb == .steer || !command.order.parts.isEmpty
        emit(.commandApplied(.init(id: command.id, outcome: hasWords ? "consumed" : nil)), by: agent, at: at)
        switch command.verb {
        case .pause:
            emit(
                .runWaiting(.init(id: run.id, reason: Run.Wait.paused, command: command.id, end: nil)), by: agent,
                at: at)
        case .resume where runs[run.id]?.waiting == Run.Wait.paused:
            emit(.runResumed(id: run.id, command: command.id), by: agent, at: at)
        case .resume: break  // One before it did it.
        case .cancel, .steer, .interrupt, .takeover, .handback: break
        }
    }

    /// The agent knows of it and comes back to it: it has the whole time again.
    mutating func put(off command: Command, by run: Run, at: Timestamp) throws(Refusal) {
        guard command.verb == .steer || !command.order.parts.isEmpty else {
            throw Refusal(.eventInvalid, "Only what says something can be deferred, and \(command.id) does not.")
        }
        emit(
            .commandDeferred(.init(id: command.id, outcome: "deferred", expires: commandExpiry(at))),
            by: .agent(run.agent), at: at)
    }
}

// MARK: Left over

extension SessionMachine {
    /// The time of a command is over.
    mutating func commandIsDue(_ id: CommandID, at: Timestamp) {
        guard let command = commands[id], command.state == .accepted else { return }
        expire(id, reason: command.run == nil ? "input_never_came" : "timeout", at: at)
    }

    /// Ends a command that nobody carried out. What it says becomes an input, if its sender said so.
    mutating func expire(_ id: CommandID, reason: String, becomesInput: Bool = true, at: Timestamp) {
        guard let command = commands[id], command.state == .accepted else { return }
        let input = becomesInput && command.order.becomesInput ? inputForLeftOver(id) : nil
        emit(.commandExpired(.init(id: id, reason: reason, input: input)), by: .server, at: at)
        if let input { add(input, madeOf: id, run: command.run, at: at) }
    }

    /// The id of the input that a command becomes: its own, if that is free. `nil` where the session takes none.
    private func inputForLeftOver(_ id: CommandID) -> InputID? {
        guard info.state == .open, queuedInputs.count < limits.queuedInputs else { return nil }
        var input = InputID(unchecked: id.value)
        var number = 2
        while inputs[input] != nil {
            input = InputID(unchecked: "\(id.value.prefix(100))-\(number)")
            number += 1
        }
        return input
    }

    private mutating func add(_ input: InputID, madeOf id: CommandID, run: RunID?, at: Timestamp) {
        guard let command = commands[id] else { return }
        let place = (try? self.place(replacing: nil, isRegeneration: false)) ?? BranchPlace()
        let agent = run.flatMap { queue(of: $0) }
        emit(
            .inputAdded(.init(id: input, agent: agent, parts: command.order.parts, command: id, place: place)),
            by: command.by, at: at)
        _ = cancelIfAwaited(input, at: at)
    }

    /// The queue whose input a run, or one above it, answers.
    private func queue(of id: RunID) -> AgentName? {
        var run = runs[id]
        while let current = run {
            if let input = current.inputs.first { return inputs[input]?.agent }
            run = current.parent.flatMap { runs[$0] }
        }
        return nil
    }
}
