extension SessionMachine {
    /// What a write came to: the last number taken. A duplicate added nothing.
    public struct Written: Hashable, Sendable {
        public var number: UInt64
        public var isDuplicate: Bool
    }

    /// Takes an agent's events, all or none of them.
    ///
    /// - Parameters:
    ///   - number: The `Write-Seq`. Without one the write takes the next number, and a retry would be written again.
    ///   - frame: The same in the caller's own format, kept beside it.
    public mutating func write(
        _ events: [AgentEvent], run id: RunID, token: String, number: UInt64?, frame: [UInt8]? = nil, at: Timestamp
    ) throws(Refusal) -> Written {
        if let number, let former = runs[id]?.former, number <= former.written, ConstantTime.equal(former.token, token)
        {
            return Written(number: former.written, isDuplicate: true)
        }
        let run = try holder(of: id, token: token)
        if let number, number <= run.written { return Written(number: run.written, isDuplicate: true) }
        try requireActive(run, at: at)
        try requireNoBaton()
        let next = run.written + 1
        if let number, number != next {
            throw Refusal(
                .writeGap, "The next write of this run is number \(next). Send the missing ones first.",
                numbers: ["expected": next])
        }
        guard events.count <= limits.eventsPerWrite else {
            throw Refusal(.tooLarge, "One write takes at most \(limits.eventsPerWrite) events. Send it in pieces.")
        }
        try writeAll(events, of: run, at: at, note: Note(run: id, write: next, frame: frame))
        if run.budget != nil { endIfOverBudget(id, at: at) }
        return Written(number: next, isDuplicate: false)
    }

    private mutating func writeAll(
        _ events: [AgentEvent], of run: Run, at: Timestamp, note: Note
    ) throws(Refusal) {
        let firstEmitted = emittedCount
        let (oldTail, oldNotes, oldAt) = (tail, notesAtTail, lastAt)
        var undo: [Undo] = []
        do throws(Refusal) {
            var isPaused = run.waiting == Run.Wait.paused
            for event in events {
                if isPaused { try requireAcknowledgement(event, of: run) }
                try write(event, of: run, at: at, undo: &undo)
                if case .commandApplied = event { isPaused = runs[run.id]?.waiting == Run.Wait.paused }
            }
        } catch {
            for step in undo.reversed() { revert(step, run: run.id) }
            forget(emittedFrom: firstEmitted, tail: oldTail, notesAtTail: oldNotes, lastAt: oldAt)
            throw error
        }
        // The note goes on the last record of the write: a batch that is read back in pieces counts as taken at its end.
        if emittedCount > firstEmitted {
            attach(note, toEmitted: emittedCount - 1)
        } else {
            emit(note: note, at: at)
        }
    }

    /// How to take one event of a refused write back.
    enum Undo {
        case messageStarted(MessageID)
        case messageEnded(MessageID)
        case partStarted(PartID)
        case partAppended(PartID, length: Int)
        case partEnded(PartID)
        /// The steps as they were, and the messages that were not superseded.
        case steps([Step], shown: [Int])
        indirect case requestChanged(AgentRequestID, previous: AgentRequest?)
        indirect case runChanged(Run)
        indirect case commandChanged(Command, of: Run, input: Input?)
    }

    private mutating func write(
        _ event: AgentEvent, of run: Run, at: Timestamp, undo: inout [Undo]
    ) throws(Refusal) {
        let agent = Participant.agent(run.agent)
        switch event {
        case .stepStarted(let id, let attempt, let label):
            try startStep(id, attempt: attempt, label: label, of: run, by: agent, at: at, undo: &undo)
        case .stepEnded(let id, let status):
            try endStep(id, status, of: run, by: agent, at: at, undo: &undo)
        case .messageStarted(let id, let role, let parent, let step, let audience):
            try checkMessage(id, parent: parent, of: run)
            let step = try self.step(named: step, of: run.id)
            emit(
                .messageStarted(
                    id: id, run: run.id, role: role, parent: parent, step: step, audience: audience),
                by: agent, at: at)
            undo.append(.messageStarted(id))
        case .messageEnded(let id, let status):
            let message = try openMessage(id, of: run)
            for part in message.parts where part.status == .streaming {
                emit(.partEnded(id: part.id, status: status), by: agent, at: at)
                undo.append(.partEnded(part.id))
            }
            emit(.messageEnded(id: id, status: status), by: agent, at: at)
            undo.append(.messageEnded(id))
        case .partStarted(let id, let message, let head):
            try checkPart(id, in: message, of: run)
            emit(.partStarted(id: id, message: message, head: head), by: agent, at: at)
            undo.append(.partStarted(id))
        case .partAppended(let id, let offset, let text):
            try append(text, to: id, offset: offset, of: run, at: at, undo: &undo)
        case .partEnded(let id, let status):
            _ = try openPart(id, of: run)
            emit(.partEnded(id: id, status: status), by: agent, at: at)
            undo.append(.partEnded(id))
        case .requestOpened(let draft):
            let previous = requests[draft.id]
            if try open(draft, of: run, at: at) { undo.append(.requestChanged(draft.id, previous: previous)) }
        case .requestWithdrawn(let id):
            let request = try self.request(id, of: run)
            if request.state == .open { withdraw(request, as: "by_agent", by: agent, at: at, undo: &undo) }
        case .runUpdated, .runWaiting, .runResumed: try change(run, event, at: at, undo: &undo)
        case .commandApplied(let id):
            let command = try pendingCommand(id, of: run)
            remember(command, of: run, &undo)
            carryOut(command, by: run, at: at)
        case .commandDeferred(let id):
            let command = try pendingCommand(id, of: run)
            remember(command, of: run, &undo)
            try put(off: command, by: run, at: at)
        }
    }

    /// Once a run has said that it is paused, nothing more of it appears until it is resumed.
    private func requireAcknowledgement(_ event: AgentEvent, of run: Run) throws(Refusal) {
        switch event {
        case .commandApplied, .commandDeferred: return
        default: throw Refusal(.runPaused, "The run \(run.id) is paused. Go on when it is resumed.")
        }
    }

    private mutating func change(
        _ run: Run, _ event: AgentEvent, at: Timestamp, undo: inout [Undo]
    ) throws(Refusal) {
        guard let now = runs[run.id] else { return }
        let body: EventBody
        switch event {
        case .runUpdated(let label, let progress, let usage):
            guard
                label ?? now.label != now.label || progress ?? now.progress != now.progress
                    || usage ?? now.usage != now.usage
            else { return }
            body = .runUpdated(.init(id: run.id, label: label, progress: progress, usage: usage))
        case .runWaiting(let reason):
            guard now.waiting != reason else { return }
            body = .runWaiting(.init(id: run.id, reason: reason, command: nil, end: nil))
        case .runResumed:
            guard now.state == .waiting else { return }
            body = .runResumed(id: run.id, command: nil)
        default: preconditionFailure("not about the run itself: \(event)")
        }
        emit(body, by: .agent(run.agent), at: at)
        undo.append(.runChanged(now))
    }

    private func remember(_ command: Command, of run: Run, _ undo: inout [Undo]) {
        guard let now = runs[run.id] else { return }
        undo.append(.commandChanged(command, of: now, input: command.input.flatMap { inputs[$0] }))
    }

    private mutating func append(
        _ text: [UInt8], to id: PartID, offset: Int, of run: Run, at: Timestamp, undo: inout [Undo]
    ) throws(Refusal) {
        let place = try openPart(id, of: run)
        let length = messages[place.message].parts[place.part].text.count
        guard offset <= length else {
            throw Refusal(
                .offsetGap, "The part \(id) ends at \(length). Send what is missing.",
                numbers: ["length": UInt64(length)])
        }
        let overlap = min(length - offset, text.count)
        if overlap > 0 {
            let held = messages[place.message].parts[place.part].text[offset..<offset + overlap]
            guard held.elementsEqual(text[..<overlap]) else {
                throw Refusal(
                    .offsetConflict, "The part \(id) holds other text at \(offset).",
                    numbers: ["length": UInt64(length)])
            }
        }
        guard overlap < text.count else { return }
        guard length + text.count - overlap <= limits.partText else {
            throw Refusal(.tooLarge, "A part holds at most \(limits.partText) bytes. Start another.")
        }
        let new = overlap == 0 ? text : Array(text[overlap...])
        emit(.partAppended(id: id, run: run.id, offset: length, text: new), by: nil, at: at)
        undo.append(.partAppended(id, length: length))
    }

    private func checkMessage(_ id: MessageID, parent: MessageID?, of run: Run) throws(Refusal) {
        guard messages[id] == nil else { throw Refusal(.idTaken, "There is a message \(id) already. Use another id.") }
        if let parent, messages[parent] == nil {
            throw Refusal(.messageNotFound, "There is no message \(parent) to be the parent.")
        }
        guard (runs[run.id]?.openMessages.count ?? 0) < limits.openMessagesPerRun else {
            throw Refusal(.tooMany, "A run has at most \(limits.openMessagesPerRun) open messages. End one first.")
        }
    }

    private func checkPart(_ id: PartID, in message: MessageID, of run: Run) throws(Refusal) {
        guard parts[id] == nil else { throw Refusal(.idTaken, "There is a part \(id) already. Use another id.") }
        guard try openMessage(message, of: run).parts.count < limits.partsPerMessage else {
            throw Refusal(.tooMany, "A message has at most \(limits.partsPerMessage) parts. Start another message.")
        }
    }

    private func openMessage(_ id: MessageID, of run: Run) throws(Refusal) -> Message {
        guard let message = messages[id], message.run == run.id else {
            throw Refusal(.messageNotFound, "The run \(run.id) has no message \(id).")
        }
        guard message.status == .streaming else { throw Refusal(.messageEnded, "The message \(id) has ended.") }
        return message
    }

    private func openPart(_ id: PartID, of run: Run) throws(Refusal) -> PartPlace {
        guard let place = parts[id], messages[place.message].run == run.id else {
            throw Refusal(.partNotFound, "The run \(run.id) has no part \(id).")
        }
        guard messages[place.message].parts[place.part].status == .streaming else {
            throw Refusal(.partEnded, "The part \(id) has ended.")
        }
        return place
    }

    private mutating func revert(_ step: Undo, run: RunID) {
        switch step {
        case .messageStarted(let id):
            messages.removeLast(id: id)
            restricted.remove(message: id)
            if let index = runs.index(of: run) { runs[index].openMessages.removeAll { $0 == id } }
        case .messageEnded(let id):
            if let index = messages.index(of: id) { messages[index].status = .streaming }
            if let index = runs.index(of: run) { runs[index].openMessages.append(id) }
        case .partStarted(let id):
            if let place = parts.removeValue(forKey: id) { messages[place.message].parts.removeLast() }
            restricted.remove(part: id)
        case .partAppended(let id, let length):
            if let place = parts[id] {
                let text = messages[place.message].parts[place.part].text
                messages[place.message].parts[place.part].text.removeLast(text.count - length)
            }
        case .partEnded(let id):
            if let place = parts[id] { messages[place.message].parts[place.part].status = .streaming }
        case .steps(let steps, let shown):
            if let index = runs.index(of: run) { runs[index].steps = steps }
            for index in shown { messages[index].isSuperseded = false }
        case .requestChanged(let id, let previous):
            revertRequest(id, to: previous)
        case .runChanged(let run): put(back: run)
        case .commandChanged(let command, let run, let input):
            put(back: run)
            if let index = commands.index(of: command.id) { commands[index] = command }
            if let input, let index = inputs.index(of: input.id) { inputs[index] = input }
            if let expires = command.expires { timers.set(.command(command.id), at: expires) }
        }
    }

    private mutating func put(back run: Run) {
        if let index = runs.index(of: run.id) { runs[index] = run }
    }
}
