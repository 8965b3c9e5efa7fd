extension SessionMachine {
    /// What a command to take or to give back the baton came to. A retry of one changes nothing.
    public enum BatonChange: Sendable {
        case done, known
    }

    /// Gives the baton to an operator: from now on agents' output is refused, and what they have begun ends where it is.
    ///
    /// Its holder may take it again, which sets its time anew.
    public mutating func takeBaton(_ id: CommandID, by: Participant, at: Timestamp) throws(Refusal) -> BatonChange {
        if batonCommands.contains(id) { return .known }
        try requireOpen()
        if let baton, baton.by.id != by.id { throw held(baton) }
        emit(.baton(.taken(limitMilliseconds: limits.batonMilliseconds, command: id)), by: by, at: at)
        for run in activeRuns {
            for message in runs[run]?.openMessages ?? [] { finish(message, as: .interrupted, by: by, at: at) }
        }
        return .done
    }

    /// Gives it back. A note becomes a message to the agents.
    ///
    /// Any operator may: also a colleague of one who forgot to.
    public mutating func returnBaton(
        _ id: CommandID, note: [InputPart], as names: MessageNames, by: Participant, at: Timestamp
    ) throws(Refusal) -> BatonChange {
        if batonCommands.contains(id) { return .known }
        guard baton != nil else { throw Refusal(.batonNotHeld, "No operator has the baton: the agents answer.") }
        if !note.isEmpty { say(note, as: names, audience: .agents, parent: nil, by: by, at: at) }
        let message = note.isEmpty ? nil : names.message
        emit(.baton(.returned(reason: .handedBack, message: message, command: id)), by: by, at: at)
        return .done
    }

    /// Its holder said nothing for too long.
    mutating func batonIsDue(at: Timestamp) {
        guard baton != nil else { return }
        emit(.baton(.returned(reason: .timedOut, message: nil, command: nil)), by: .server, at: at)
    }

    /// Throws while an operator answers.
    func requireNoBaton() throws(Refusal) {
        if let baton { throw held(baton) }
    }

    private func held(_ baton: Baton) -> Refusal {
        Refusal(
            .batonHeld, "\(baton.by.id) answers now. Renew the lease, and go on when the baton is back.",
            members: ["baton": JSONWriter.value { baton.write(to: &$0) }])
    }

    mutating func apply(_ change: BatonEvent, _ event: Event) {
        let command: CommandID?
        switch change {
        case .taken(let limit, let id):
            command = id
            baton = Baton(by: event.by ?? .server, sequence: event.sequence, at: event.at, limitMilliseconds: limit)
            setBatonTimer(event.at)
        case .returned(_, _, let id):
            command = id
            baton = nil
            timers.clear(.baton)
        }
        if let command {
            batonCommands.append(command)
            if batonCommands.count > limits.rememberedWork { batonCommands.removeFirst() }
        }
        markSummaryStale()
    }

    /// The holder is there: the baton stays for its whole time again.
    mutating func spoke(_ by: Participant?, at: Timestamp) {
        if let baton, by?.id == baton.by.id, by?.role == .operator { setBatonTimer(at) }
    }

    private mutating func setBatonTimer(_ at: Timestamp) {
        guard let baton else { return }
        timers.set(.baton, at: Timestamp(milliseconds: at.rawValue + baton.limitMilliseconds))
        markSummaryStale()
    }

    mutating func applyAnswered(_ id: InputID) {
        guard let index = inputs.index(of: id) else {
            preconditionFailure("session \(info.id): an event names \(id), which does not exist")
        }
        inputs[index].state = .answered
        queuedInputs.removeAll { $0 == id }
    }
}
