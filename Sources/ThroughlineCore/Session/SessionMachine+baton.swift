extension SessionMachine {
    /// Has an operator answer: from now on agents' output is refused, and what they have begun ends where it is. Inputs that were
    /// offered to them are the operator's. False if the command is known: nothing happens again.
    ///
    /// Its holder may take it again, which sets its time anew.
    public mutating func takeBaton(_ id: CommandID, by: Participant, at: Timestamp) throws(Refusal) -> Bool {
        guard try request(.takeover, as: id, by: by, at: at) else { return false }
        guard info.state == .open else { return reject(id, "session_closed", at: at) }
        if let baton, baton.by.id != by.id { return reject(id, "baton_held", at: at) }
        emit(.commandAccepted(.init(id: id)), by: .server, at: at)
        emit(.baton(.taken(limitMilliseconds: limits.batonMilliseconds, command: id)), by: by, at: at)
        for run in activeRuns {
            for message in runs[run]?.openMessages ?? [] { finish(message, as: .interrupted, by: by, at: at) }
            for command in runs[run]?.pending ?? [] where commands[command]?.input != nil {
                expire(command, reason: "taken_over", at: at)
            }
        }
        emit(.commandApplied(.init(id: id)), by: .server, at: at)
        return true
    }

    /// Gives it back. A note becomes a message to the agents, and is nowhere else: not all may see it. False if the command is known.
    ///
    /// Any operator may: also a colleague of one who forgot to.
    public mutating func returnBaton(
        _ id: CommandID, note: [InputPart], as names: MessageNames, by: Participant, at: Timestamp
    ) throws(Refusal) -> Bool {
        guard try request(.handback, as: id, by: by, at: at) else { return false }
        guard baton != nil else { return reject(id, "baton_not_held", at: at) }
        emit(.commandAccepted(.init(id: id)), by: .server, at: at)
        if !note.isEmpty { say(note, as: names, audience: .agents, parent: nil, by: by, at: at) }
        let message = note.isEmpty ? nil : names.message
        emit(.baton(.returned(reason: .handedBack, message: message, command: id)), by: by, at: at)
        emit(.commandApplied(.init(id: id)), by: .server, at: at)
        return true
    }

    private mutating func request(
        _ verb: Command.Verb, as id: CommandID, by: Participant, at: Timestamp
    ) throws(Refusal) -> Bool {
        if let known = commands[id] {
            // What was said with a handback is in no command.
            try requireSame(known, by, isSame: known.verb == verb)
            return false
        }
        emit(.commandRequested(id: id, order: CommandOrder(verb: verb, target: .all), input: nil), by: by, at: at)
        return true
    }

    private mutating func reject(_ id: CommandID, _ reason: String, at: Timestamp) -> Bool {
        emit(.commandRejected(.init(id: id, reason: reason)), by: .server, at: at)
        return true
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
        switch change {
        case .taken(let limit, _):
            baton = Baton(by: event.by ?? .server, sequence: event.sequence, at: event.at, limitMilliseconds: limit)
            setBatonTimer(event.at)
        case .returned:
            baton = nil
            timers.clear(.baton)
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
