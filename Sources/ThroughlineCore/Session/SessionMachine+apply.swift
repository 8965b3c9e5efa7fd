extension SessionMachine {
    /// The one place where state changes.
    mutating func apply(_ event: Event) {
        tail = event.sequence
        notesAtTail = 0
        lastAt = event.at
        switch event.body {
        case .sessionCreated(let info), .sessionUpdated(let info), .sessionClosed(let info):
            let orphan = self.info.policies.orphan
            self.info = info
            if info.policies.orphan != orphan { orphanPolicyChanged(at: event.at) }
            touch(event)
        case .inputAdded, .inputUpdated, .inputWithdrawn:
            applyInput(event)
            touch(event)
        case .branchSwitched(let input):
            if let branch = branchOf[input] { branches[branch].selected = input }
            touch(event)
        case .runStarted(let start):
            apply(start, event)
            touch(event)
        case .runUpdated, .runWaiting, .runResumed:
            applyProgress(event.body)
        case .runQueued(let wait):
            apply(wait)
            touch(event)
        case .runAdopted(let id, let epoch, let milliseconds):
            fenceHolder(ofRunAt: place(of: id))
            runs[place(of: id)].epoch = epoch
            runs[place(of: id)].leaseMilliseconds = milliseconds
            touch(event)
        case .runEnded(let end):
            apply(end, at: event.at)
            touch(event)
        case .messageStarted, .messageEnded:
            applyMessage(event)
        case .stepStarted(let id, let run, let attempt, let label):
            startStep(id, attempt: attempt, label: label, ofRunAt: place(of: run), as: event.sequence)
        case .stepEnded(let id, let run, let status):
            endStep(id, status, ofRunAt: place(of: run))
        case .partStarted, .partAppended, .partEnded:
            applyPart(event.body)
        case .commandRequested, .commandAccepted, .commandRejected, .commandDeferred, .commandApplied,
            .commandExpired:
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
        if let viewing = note.viewing { apply(viewing) }
        guard let run = note.run, let index = runs.index(of: run) else { return }
        if let write = note.write { runs[index].written = write }
        if let token = note.token {
            runs[index].token = token
            runs[index].heldBy = note.heldBy
        }
        if let adoption = note.adoption { runs[index].former?.adoption = adoption }
        if let work = note.work {
            runs[index].work = work
            works.append((work, run))
            if works.count > limits.rememberedWork { forgetOldWork() }
        }
    }

    /// The oldest work id whose run is over; those of active runs stay.
    private mutating func forgetOldWork() {
        guard let index = works.firstIndex(where: { runs[$0.run]?.state.isOver != false }) else { return }
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
        case .inputAdded(let new):
            let input = Input(
                id: new.id, sequence: event.sequence, at: event.at, by: event.by ?? .anonymous, agent: new.agent,
                parts: new.parts, followUp: new.followUp, branch: new.place, command: new.command,
                previous: previous(of: new.place))
            inputs.append(input, id: new.id)
            if let replaced = new.place.replaces { addSibling(new.id, of: replaced) }
            enqueue(new.id, new.before.map { .before($0) } ?? .last)
        case .inputUpdated(let change):
            if let parts = change.parts { inputs[place(of: change.id)].parts = parts }
            if let place = change.place {
                queuedInputs.removeAll { $0 == change.id }
                enqueue(change.id, place)
            }
        case .inputWithdrawn(let id, _, let reason):
            inputs[place(of: id)].state = .withdrawn
            inputs[place(of: id)].reason = reason
            queuedInputs.removeAll { $0 == id }
            leaveBranch(id)
        default:
            preconditionFailure("not about an input: \(event.body.type)")
        }
    }

    /// An input that is named and not in the queue leaves the place at its end.
    private mutating func enqueue(_ id: InputID, _ place: InputPlace) {
        guard case .before(let other) = place, let index = queuedInputs.firstIndex(of: other) else {
            return queuedInputs.append(id)
        }
        queuedInputs.insert(id, at: index)
    }

    private mutating func apply(_ start: EventBody.RunStart, _ event: Event) {
        if let index = runs.index(of: start.id) { return applyAgain(start, at: index) }
        let run = Run(
            id: start.id, sequence: event.sequence, at: event.at, agent: start.agent, label: start.label,
            parent: start.parent, inputs: start.inputs, epoch: start.epoch,
            leaseMilliseconds: start.leaseMilliseconds, waitsForChildren: start.waitsForChildren,
            accepts: start.accepts, budget: start.budget, attempts: start.attempts, token: "")
        setBudgetTimer(of: start.id, start.budget, at: event.at)
        setOrphanTimer(of: start.id, at: event.at)
        runs.append(run, id: start.id)
        activeRuns.append(start.id)
        for id in start.inputs {
            inputs[place(of: id)].state = .claimed
            inputs[place(of: id)].run = start.id
        }
        queuedInputs.removeAll { start.inputs.contains($0) }
    }

    /// A run that was queued is taken on. Its token comes with the note.
    private mutating func applyAgain(_ start: EventBody.RunStart, at index: Int) {
        runs[index].epoch = start.epoch
        runs[index].leaseMilliseconds = start.leaseMilliseconds
        runs[index].accepts = start.accepts
        runs[index].attempt = start.attempt
        runs[index].notBefore = nil
        runs[index].state = .active
        supersedeUnfinished(ofRunAt: index)
        queuedRuns.removeAll { $0 == start.id }
    }

    /// It stays among the active ones: nothing else is answered in its queue, and those below it have not lost it.
    private mutating func apply(_ wait: EventBody.RunHandOn) {
        let index = place(of: wait.id)
        fenceHolder(ofRunAt: index)
        runs[index].attempt = wait.attempt
        runs[index].notBefore = wait.notBefore
        runs[index].isReady = false
        runs[index].state = .queued
        runs[index].waiting = nil
        queuedRuns = (queuedRuns + [wait.id]).sorted { place(of: $0) < place(of: $1) }
    }

    /// The token is good for nothing any more but to hear that a write was taken.
    private mutating func fenceHolder(ofRunAt index: Int) {
        runs[index].former = Run.FormerHolder(token: runs[index].token, written: runs[index].written)
        runs[index].token = ""
        runs[index].heldBy = nil
        runs[index].written = 0
        runs[index].work = nil
        let id = runs[index].id
        works.removeAll { $0.run == id }
    }

    private mutating func apply(_ end: EventBody.RunEnd, at: Timestamp) {
        let index = place(of: end.id)
        // Nobody holds a queued run, so nobody is left to be told.
        let isQueued = runs[index].state == .queued
        runs[index].notBefore = nil
        runs[index].state = end.reason
        runs[index].usage = end.usage ?? runs[index].usage
        runs[index].error = end.error
        runs[index].ended = at
        runs[index].waiting = nil
        // The agent of one that only waited for others has been gone for long.
        runs[index].untold = runs[index].held == nil && !isQueued ? end.command : nil
        runs[index].held = nil
        activeRuns.removeAll { $0 == end.id }
        timers.clear(.budget(end.id))
        timers.clear(.orphan(end.id))
        queuedRuns.removeAll { $0 == end.id }
        let inputState: Input.State =
            switch end.reason {
            case .completed: .answered
            case .cancelled: .cancelled
            case .failed, .lost, .active, .waiting, .queued: .unanswered
            }
        for id in runs[index].inputs { inputs[place(of: id)].state = inputState }
    }

    private mutating func applyProgress(_ body: EventBody) {
        switch body {
        case .runUpdated(let update):
            let index = place(of: update.id)
            if let label = update.label { runs[index].label = label }
            if let progress = update.progress { runs[index].progress = progress }
            if let usage = update.usage { runs[index].usage = usage }
        case .runWaiting(let wait):
            let index = place(of: wait.id)
            runs[index].state = .waiting
            runs[index].waiting = wait.reason
            runs[index].held = wait.end
            markSummaryStale()
        case .runResumed(let id, _):
            let index = place(of: id)
            runs[index].state = .active
            runs[index].waiting = nil
            markSummaryStale()
        default:
            preconditionFailure("not about a run that goes on: \(body.type)")
        }
    }

    private mutating func applyMessage(_ event: Event) {
        switch event.body {
        case .messageStarted(let id, let run, let role, let parent, let step, let audience):
            messages.append(
                Message(
                    id: id, sequence: event.sequence, at: event.at, by: event.by ?? .server, run: run, role: role,
                    parent: parent, step: step, audience: audience),
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
        case .commandRequested(let id, let order, let input):
            var command = Command(
                id: id, sequence: event.sequence, at: event.at, by: event.by ?? .anonymous, order: order)
            command.input = input
            commands.append(command, id: id)
        case .commandAccepted(let news): accept(news)
        case .commandRejected(let news):
            let index = take(news)
            commands[index].state = .rejected
        case .commandDeferred(let news): take(news)
        case .commandApplied(let news):
            let index = take(news)
            commands[index].state = .applied
            close(commands[index])
            for index in runs.items.indices where runs[index].untold == news.id { runs[index].untold = nil }
            if let input = commands[index].input, let run = commands[index].run, inputs[input]?.state == .steering {
                inputs[place(of: input)].state = .claimed
                runs[place(of: run)].inputs.append(input)
            }
        case .commandExpired(let news):
            let index = take(news)
            commands[index].state = .expired
            close(commands[index])
            if let input = commands[index].input, inputs[input]?.state == .steering {
                inputs[place(of: input)].state = .queued
                inputs[place(of: input)].run = nil
                queuedInputs.append(input)
            }
        default:
            preconditionFailure("not about a command: \(event.body.type)")
        }
    }

    private mutating func accept(_ news: EventBody.CommandNews) {
        let index = take(news)
        commands[index].state = .accepted
        if let run = news.run { runs[place(of: run)].pending.append(news.id) }
        if let input = commands[index].awaitedInput, inputs[input] == nil {
            awaitedInputs[input, default: []].append(news.id)
        }
        if let input = commands[index].input, inputs[input]?.state == .queued {
            inputs[place(of: input)].state = .steering
            inputs[place(of: input)].run = news.run
            queuedInputs.removeAll { $0 == input }
        }
    }

    @discardableResult
    private mutating func take(_ news: EventBody.CommandNews) -> Int {
        let index = place(of: news.id)
        if let reason = news.reason { commands[index].reason = reason }
        if let run = news.run { commands[index].run = run }
        if let input = news.input { commands[index].input = input }
        if let outcome = news.outcome { commands[index].outcome = outcome }
        if let expires = news.expires {
            commands[index].expires = expires
            timers.set(.command(news.id), at: expires)
        }
        markSummaryStale()
        return index
    }

    /// Nobody waits for this command any longer.
    private mutating func close(_ command: Command) {
        timers.clear(.command(command.id))
        if let run = command.run { runs[place(of: run)].pending.removeAll { $0 == command.id } }
        guard let input = command.awaitedInput, let waiting = awaitedInputs[input] else { return }
        let others = waiting.filter { $0 != command.id }
        awaitedInputs[input] = others.isEmpty ? nil : others
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
