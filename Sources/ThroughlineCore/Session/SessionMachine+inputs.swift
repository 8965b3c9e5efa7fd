extension SessionMachine {
    /// Checks that a second creation asks for the same session.
    public func confirm(title: String?, metadata: [UInt8]?) throws(Refusal) {
        guard title ?? info.title == info.title, metadata ?? info.metadata == info.metadata else {
            throw Refusal(.sessionExists, "A session of this id exists with other fields. Change it with PATCH.")
        }
    }

    /// Changes what is given.
    public mutating func update(
        title: String?, metadata: [UInt8]?, closing: Bool, by: Participant, at: Timestamp
    ) {
        var changed = info
        if let title { changed.title = title }
        if let metadata { changed.metadata = metadata }
        if closing { changed.state = .closed }
        guard changed != info else { return }
        emit(changed.state == info.state ? .sessionUpdated(changed) : .sessionClosed(changed), by: by, at: at)
    }

    /// Adds an input. False if it is there already, whatever it says: nothing is added then.
    public mutating func addInput(
        _ id: InputID, parts: [InputPart], agent: AgentName?, by: Participant, at: Timestamp
    ) throws(Refusal) -> Bool {
        if inputs[id] != nil { return false }
        try requireOpen()
        guard queuedInputs.count < limits.queuedInputs else {
            throw Refusal(
                .tooMany, "\(limits.queuedInputs) inputs are waiting already. Wait for an agent, or withdraw some.")
        }
        emit(.inputAdded(id: id, agent: agent, parts: parts), by: by, at: at)
        return true
    }

    public mutating func updateInput(
        _ id: InputID, parts: [InputPart], by: Participant, at: Timestamp
    ) throws(Refusal) {
        guard let input = inputs[id] else { throw notFound(id) }
        guard input.state == .queued else { throw notQueued(input) }
        if input.parts != parts { emit(.inputUpdated(id: id, parts: parts), by: by, at: at) }
    }

    /// Withdraws a queued input. Again, it changes nothing.
    public mutating func withdrawInput(_ id: InputID, by: Participant, at: Timestamp) throws(Refusal) {
        guard let input = inputs[id] else { throw notFound(id) }
        if input.state == .withdrawn { return }
        guard input.state == .queued else { throw notQueued(input) }
        emit(.inputWithdrawn(id: id, command: nil), by: by, at: at)
    }

    /// The input that an agent of this name would get now: the oldest in a queue in which no other is being answered.
    public func claimableInput(for agent: AgentName) -> InputID? {
        let busy = busyQueues
        return queuedInputs.first { id in
            guard let input = inputs[id] else { return false }
            return (input.agent == nil || input.agent == agent) && !busy.contains(input.agent)
        }
    }

    /// The queues that have an input to hand out, each with the time of its oldest. `nil` is the queue for any agent.
    public var claimableQueues: [(agent: AgentName?, since: Timestamp)] {
        var seen = busyQueues
        var queues: [(agent: AgentName?, since: Timestamp)] = []
        for id in queuedInputs {
            guard let input = inputs[id], seen.insert(input.agent).inserted else { continue }
            queues.append((input.agent, input.at))
        }
        return queues
    }

    private var busyQueues: Set<AgentName?> {
        var busy: Set<AgentName?> = []
        for id in activeRuns {
            for input in runs[id]?.inputs ?? [] { busy.insert(inputs[input]?.agent) }
        }
        return busy
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
