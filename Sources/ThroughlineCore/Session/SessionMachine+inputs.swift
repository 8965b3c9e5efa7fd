extension SessionMachine {
    /// Checks that a second creation asks for the same session.
    public func confirm(
        title: String?, metadata: [UInt8]?, policies: SessionPolicies.Patch? = nil
    ) throws(Refusal) {
        guard title ?? info.title == info.title, metadata ?? info.metadata == info.metadata,
            policies.map({ info.policies.changed(by: $0) == info.policies }) ?? true
        else {
            throw Refusal(.sessionExists, "A session of this id exists with other fields. Change it with PATCH.")
        }
    }

    /// Changes what is given.
    public mutating func update(
        title: String?, metadata: [UInt8]?, policies: SessionPolicies.Patch? = nil, closing: Bool, by: Participant,
        at: Timestamp
    ) {
        var changed = info
        if let title { changed.title = title }
        if let metadata { changed.metadata = metadata }
        if let policies { changed.policies = changed.policies.changed(by: policies) }
        if closing { changed.state = .closed }
        guard changed != info else { return }
        emit(changed.state == info.state ? .sessionUpdated(changed) : .sessionClosed(changed), by: by, at: at)
    }

    /// Adds an input, and does what its follow-up policy says. False if it is there already, whatever it says: nothing is
    /// added then.
    ///
    /// - Parameter followUp: `nil`: what the session says.
    public mutating func addInput(
        _ id: InputID, parts: [InputPart], agent: AgentName?, followUp: FollowUp? = nil, replaces: InputID? = nil,
        isRegeneration: Bool = false, by: Participant, at: Timestamp
    ) throws(Refusal) -> Bool {
        if inputs[id] != nil { return false }
        try requireOpen()
        guard queuedInputs.count < limits.queuedInputs else {
            throw Refusal(
                .tooMany, "\(limits.queuedInputs) inputs are waiting already. Wait for an agent, or withdraw some.")
        }
        let place = try place(replacing: replaces, isRegeneration: isRegeneration)
        let policy = policy(of: followUp, isSibling: replaces != nil)
        if policy == .reject, let run = runsAnswering(agent).first {
            throw Refusal(
                .runActive, "The run \(run.id) is active, and the policy is to refuse more. Send it again later.",
                members: ["run": Array("\"\(run.id)\"".utf8)])
        }
        let next = policy == .interrupt ? queuedInputs.first { inputs[$0]?.agent == agent } : nil
        emit(
            .inputAdded(.init(id: id, agent: agent, parts: parts, followUp: policy, before: next, place: place)),
            by: by, at: at)
        if !cancelIfAwaited(id, at: at) { applyFollowUp(policy, of: id, in: agent, by: by, at: at) }
        return true
    }

    /// While an operator answers, no agent is steered or stopped by an input, and none is refused. What stands beside another input
    /// is answered by a run of its own.
    private func policy(of asked: FollowUp?, isSibling: Bool) -> FollowUp {
        let policy = asked ?? info.policies.followUp
        if isSibling, policy == .steer || policy == .merge { return .queue }
        return baton != nil && [.steer, .interrupt, .reject].contains(policy) ? .queue : policy
    }

    /// Changes a queued input: what it says, its place in the queue, or both.
    public mutating func updateInput(
        _ id: InputID, parts: [InputPart]?, place: InputPlace? = nil, by: Participant, at: Timestamp
    ) throws(Refusal) {
        guard let input = inputs[id] else { throw notFound(id) }
        guard input.state == .queued else { throw notQueued(input) }
        if case .before(let other) = place {
            guard let other = inputs[other] else { throw notFound(other) }
            guard other.state == .queued else { throw notQueued(other) }
        }
        let change = EventBody.InputChange(
            id: id, parts: parts == input.parts ? nil : parts, place: place.flatMap { moves(id, to: $0) ? $0 : nil })
        if change.parts != nil || change.place != nil { emit(.inputUpdated(change), by: by, at: at) }
    }

    /// Whether it does not stand there already.
    private func moves(_ id: InputID, to place: InputPlace) -> Bool {
        guard let index = queuedInputs.firstIndex(of: id) else { return false }
        let next = index + 1 < queuedInputs.count ? queuedInputs[index + 1] : nil
        switch place {
        case .before(let other): return other != id && other != next
        case .last: return next != nil
        }
    }

    /// Withdraws an input that no run has taken. Again, it changes nothing.
    public mutating func withdrawInput(_ id: InputID, by: Participant, at: Timestamp) throws(Refusal) {
        guard let input = inputs[id] else { throw notFound(id) }
        if input.state == .withdrawn { return }
        guard input.isOpen else { throw notQueued(input) }
        withdraw(id, by: by, command: nil, at: at)
    }

    /// Withdraws an open input, and with it the steer that it is.
    mutating func withdraw(_ id: InputID, by: Participant, command: CommandID?, at: Timestamp) {
        if let input = inputs[id], input.state == .steering, let run = input.run {
            for steer in runs[run]?.pending ?? [] where commands[steer]?.input == id {
                expire(steer, reason: "input_withdrawn", at: at)
            }
        }
        emit(.inputWithdrawn(id: id, command: command, reason: nil), by: by, at: at)
    }

    func requireOpen() throws(Refusal) {
        guard info.state == .open else {
            throw Refusal(.sessionClosed, "The session is closed. Start a new one.")
        }
    }

    private func notFound(_ id: InputID) -> Refusal {
        Refusal(.inputNotFound, "The session has no input \(id).")
    }

    private func notQueued(_ input: Input) -> Refusal {
        Refusal(.inputNotQueued, "The input is \(input.state.rawValue); only a queued one can be changed.")
    }
}
