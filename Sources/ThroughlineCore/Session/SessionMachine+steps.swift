/// Steps: pieces of a run's work that can be done again, so that a later attempt stands for an earlier one.
extension SessionMachine {
    /// The step that a message of this run belongs to if it names none: the one that was begun last and is still open.
    func openStep(of run: Run) -> StepID? {
        run.steps.filter { $0.status == .streaming }.max { $0.begun < $1.begun }?.id
    }

    /// Begins a step, or its next attempt. What was left open of the attempt before ends as interrupted.
    mutating func startStep(
        _ id: StepID, attempt: Int?, label: String?, of run: Run, by agent: Participant, at: Timestamp,
        undo: inout [Undo]
    ) throws(Refusal) {
        let steps = runs[run.id]?.steps ?? []
        let known = steps.first { $0.id == id }
        let next = (known?.attempt ?? 0) + 1
        if let attempt, attempt < next {
            throw Refusal(
                .stepTaken, "The step \(id) is at attempt \(next - 1). Leave the attempt out, or send a later one.",
                numbers: ["attempt": UInt64(next - 1)])
        }
        guard known != nil || steps.count < limits.stepsPerRun else {
            throw Refusal(.tooMany, "A run has at most \(limits.stepsPerRun) steps.")
        }
        finishMessages(ofStep: id, of: run.id, as: .interrupted, by: .server, at: at, undo: &undo)
        let shown = messages.items.indices.filter {
            messages[$0].run == run.id && messages[$0].step == id && !messages[$0].isSuperseded
        }
        undo.append(.steps(steps, shown: shown))
        withdrawRequests(ofStep: id, of: run.id, at: at, undo: &undo)
        emit(.stepStarted(id: id, run: run.id, attempt: attempt ?? next, label: label), by: agent, at: at)
    }

    /// Ends a step with the messages that it has open.
    mutating func endStep(
        _ id: StepID, _ status: PieceStatus, of run: Run, by agent: Participant, at: Timestamp, undo: inout [Undo]
    ) throws(Refusal) {
        let steps = runs[run.id]?.steps ?? []
        guard let step = steps.first(where: { $0.id == id }) else {
            throw Refusal(.stepNotFound, "The run \(run.id) has no step \(id). Begin it with step.started.")
        }
        guard step.status == .streaming else { throw Refusal(.stepEnded, "The step \(id) has ended.") }
        finishMessages(ofStep: id, of: run.id, as: status, by: agent, at: at, undo: &undo)
        undo.append(.steps(steps, shown: []))
        emit(.stepEnded(id: id, run: run.id, status: status), by: agent, at: at)
    }

    /// The step that a new message belongs to.
    func step(named name: StepID?, of run: RunID) throws(Refusal) -> StepID? {
        guard let run = runs[run] else { return nil }
        guard let name else { return openStep(of: run) }
        guard let step = run.steps.first(where: { $0.id == name }) else {
            throw Refusal(.stepNotFound, "The run \(run.id) has no step \(name). Begin it with step.started.")
        }
        guard step.status == .streaming else { throw Refusal(.stepEnded, "The step \(name) has ended.") }
        return name
    }

    /// Ends the steps that a run has open, when it ends or loses its agent.
    mutating func finishSteps(of run: RunID, as status: PieceStatus, by: Participant, at: Timestamp) {
        for step in runs[run]?.steps ?? [] where step.status == .streaming {
            emit(.stepEnded(id: step.id, run: run, status: status), by: by, at: at)
        }
    }

    private mutating func finishMessages(
        ofStep step: StepID, of run: RunID, as status: PieceStatus, by: Participant, at: Timestamp, undo: inout [Undo]
    ) {
        for id in runs[run]?.openMessages ?? [] where messages[id]?.step == step {
            for part in messages[id]?.parts ?? [] where part.status == .streaming { undo.append(.partEnded(part.id)) }
            undo.append(.messageEnded(id))
            finish(id, as: status, by: by, at: at)
        }
    }
}

// MARK: What events do

extension SessionMachine {
    mutating func startStep(
        _ id: StepID, attempt: Int, label: String?, ofRunAt index: Int, as begun: SequenceNumber
    ) {
        guard let step = runs[index].steps.firstIndex(where: { $0.id == id }) else {
            return runs[index].steps.append(Step(id: id, attempt: attempt, label: label, begun: begun))
        }
        runs[index].steps[step].attempt = attempt
        runs[index].steps[step].status = .streaming
        runs[index].steps[step].begun = begun
        if let label { runs[index].steps[step].label = label }
        supersede(ofRunAt: index) { $0 == id }
    }

    mutating func endStep(_ id: StepID, _ status: PieceStatus, ofRunAt index: Int) {
        guard let step = runs[index].steps.firstIndex(where: { $0.id == id }) else { return }
        runs[index].steps[step].status = status
    }

    /// A run is begun again: what stands is the output of the steps that were completed.
    mutating func supersedeUnfinished(ofRunAt index: Int) {
        let done = Set(runs[index].steps.filter { $0.status == .complete }.map(\.id))
        supersede(ofRunAt: index) { step in step.map { !done.contains($0) } ?? true }
    }

    private mutating func supersede(ofRunAt index: Int, where matches: (StepID?) -> Bool) {
        let id = runs[index].id
        // Its messages are younger than itself: the search ends there.
        for place in messages.items.indices.reversed() {
            if messages[place].sequence < runs[index].sequence { return }
            if messages[place].run == id, matches(messages[place].step) { messages[place].isSuperseded = true }
        }
    }
}
