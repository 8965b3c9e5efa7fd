extension SessionMachine {
    /// The one place where state changes.
    mutating func apply(_ event: Event) {
        tail = event.sequence
        notesAtTail = 0
        lastAt = event.at
        switch event.body {
        case .sessionCreated(let info), .sessionUpdated(let info), .sessionClosed(let info):
            self.info = info
            touch(event)
        case .inputAdded, .inputUpdated, .inputWithdrawn:
            applyInput(event)
            touch(event)
        case .runStarted(let start):
            apply(start, event)
            touch(event)
        case .runEnded(let end):
            apply(end, at: event.at)
            touch(event)
        case .messageStarted, .messageEnded:
            applyMessage(event)
        case .partStarted, .partAppended, .partEnded:
            applyPart(event.body)
        case .commandRequested, .commandAccepted, .commandRejected, .commandApplied:
            applyCommand(event)
        case .request(let change):
            apply(change, event)
        case .baton(let change):
            apply(change, event)
        case .inputAnswered(let id, _):
            applyAnswered(id)
            touch(event)
        }
    }

    mutating func apply(_ note: Note) {
        if let read = note.read { apply(read) }
        guard let run = note.run, let index = runs.index(of: run) else { return }
        if let write = note.write { runs[index].written = write }
        if let token = note.token { runs[index].token = token }
        if let work = note.work {
            runs[index].work = work
            works.append((work, run))
            if works.count > limits.rememberedWork { forgetOldWork() }
        }
    }

    /// The oldest work id whose run is over; those of active runs stay.
    private mutating func forgetOldWork() {
        guard let index = works.firstIndex(where: { runs[$0.run]?.state != .active }) else { return }
        works.remove(at: index)
    }

    private mutating func touch(_ event: Event) {
        updated = event.at
        markSummaryStale()
        guard let by = event.by, by.role == .user || by.role == .operator, !participants.contains(by.id),
            participants.count < limits.listedParticipants
        else { return }
        participants.append(by.id)
    }

    private mutating func applyInput(_ event: Event) {
        switch event.body {
        case .inputAdded(let id, let agent, let parts):
            let input = Input(
                id: id, sequence: event.sequence, at: event.at, by: event.by ?? .anonymous, agent: agent, parts: parts)
            inputs.append(input, id: id)
            queuedInputs.append(id)
        case .inputUpdated(let id, let parts):
            inputs[place(of: id)].parts = parts
        case .inputWithdrawn(let id, _):
            inputs[place(of: id)].state = .withdrawn
            queuedInputs.removeAll { $0 == id }
        default:
            preconditionFailure("not about an input: \(event.body.type)")
        }
    }

    private mutating func apply(_ start: EventBody.RunStart, _ event: Event) {
        let run = Run(
            id: start.id, sequence: event.sequence, at: event.at, agent: start.agent, label: start.label,
            parent: start.parent, inputs: start.inputs, epoch: start.epoch,
            leaseMilliseconds: start.leaseMilliseconds, budget: start.budget, token: "")
        setBudgetTimer(of: start.id, start.budget, at: event.at)
        runs.append(run, id: start.id)
        activeRuns.append(start.id)
        for id in start.inputs {
            inputs[place(of: id)].state = .claimed
            inputs[place(of: id)].run = start.id
        }
        queuedInputs.removeAll { start.inputs.contains($0) }
    }

    private mutating func apply(_ end: EventBody.RunEnd, at: Timestamp) {
        let index = place(of: end.id)
        runs[index].state = end.reason
        runs[index].usage = end.usage
        runs[index].error = end.error
        runs[index].ended = at
        runs[index].untold = end.command
        activeRuns.removeAll { $0 == end.id }
        timers.clear(.budget(end.id))
        let inputState: Input.State =
            switch end.reason {
            case .completed: .answered
            case .cancelled: .cancelled
            case .failed, .lost, .active: .unanswered
            }
        for id in runs[index].inputs { inputs[place(of: id)].state = inputState }
    }

    private mutating func applyMessage(_ event: Event) {
        switch event.body {
        case .messageStarted(let id, let run, let role, let parent, let audience):
            messages.append(
                Message(
                    id: id, sequence: event.sequence, at: event.at, by: event.by ?? .server, run: run, role: role,
                    parent: parent, audience: audience),
                id: id)
            restricted.set(audience, of: id)
            if run == nil { spoke(event.by, at: event.at) }
            if let run { runs[place(of: run)].openMessages.append(id) }
        case .messageEnded(let id, let status):
            let index = place(of: id)
            messages[index].status = status
            if let run = messages[index].run { runs[place(of: run)].openMessages.removeAll { $0 == id } }
        default:
            preconditionFailure("not about a message: \(event.body.type)")
        }
    }

    private mutating func applyPart(_ body: EventBody) {
        switch body {
        case .partStarted(let id, let message, let head):
            let index = place(of: message)
            parts[id] = PartPlace(message: index, part: messages[index].parts.count)
            messages[index].parts.append(Part(id: id, head: head))
            restricted.set(head.audience, of: id, in: message)
        case .partAppended(let id, _, _, let text):
            let place = place(of: id)
            messages[place.message].parts[place.part].text.append(contentsOf: text)
        case .partEnded(let id, let status):
            let place = place(of: id)
            messages[place.message].parts[place.part].status = status
        default:
            preconditionFailure("not about a part: \(body.type)")
        }
    }

    private mutating func applyCommand(_ event: Event) {
        switch event.body {
        case .commandRequested(let id, let target):
            commands.append(
                Command(id: id, sequence: event.sequence, at: event.at, by: event.by ?? .anonymous, target: target),
                id: id)
        case .commandAccepted(let id):
            commands[place(of: id)].state = .accepted
        case .commandRejected(let id, let reason):
            commands[place(of: id)].state = .rejected
            commands[place(of: id)].reason = reason
        case .commandApplied(let id):
            commands[place(of: id)].state = .applied
            for index in runs.items.indices where runs[index].untold == id { runs[index].untold = nil }
            markSummaryStale()
        default:
            preconditionFailure("not about a command: \(event.body.type)")
        }
    }

    private func place(of id: InputID) -> Int { require(inputs.index(of: id), id.value) }
    private func place(of id: RunID) -> Int { require(runs.index(of: id), id.value) }
    private func place(of id: MessageID) -> Int { require(messages.index(of: id), id.value) }
    private func place(of id: CommandID) -> Int { require(commands.index(of: id), id.value) }
    private func place(of id: PartID) -> PartPlace { require(parts[id], id.value) }

    private func require<Place>(_ place: Place?, _ id: String) -> Place {
        guard let place else { preconditionFailure("session \(info.id): an event names \(id), which does not exist") }
        return place
    }
}
