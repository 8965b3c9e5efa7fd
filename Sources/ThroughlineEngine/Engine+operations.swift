public import ThroughlineCore

extension Engine {
    /// Does what is asked of a session. The completion comes when the answer, whatever it is, rests on durable ground.
    public func perform(
        _ operation: Operation, on session: SessionID, by participant: Participant, holder: HolderConnection? = nil,
        then completion: @escaping AnswerCompletion
    ) {
        guard Access.permits(operation.verb, to: participant, orTell: completion) else { return }
        switch operation {
        case .create(let title, let metadata, let policies):
            let info = SessionInfo(
                id: session, title: title ?? "", metadata: metadata ?? Array("{}".utf8),
                policies: SessionPolicies().changed(by: policies ?? .init()))
            create(info, by: participant, then: completion) { (machine) throws(Refusal) in
                try machine.confirm(title: title, metadata: metadata, policies: policies)
            }
        case .addInput(let input):
            addInput(input, on: session, by: participant, then: completion)
        case .command(let id, let order):
            command(id, order, on: session, by: participant, then: completion)
        case .answer(let answer):
            self.answer(answer, on: session, by: participant, then: completion)
        case .adopt(let adopt):
            self.adopt(adopt, on: session, by: participant, holder: holder, then: completion)
        case .regenerate(let input, let id, let agent):
            regenerate(input, as: id, agent: agent, on: session, by: participant, then: completion)
        default:
            decide(on: session) { [self] (state) throws(Refusal) in
                try apply(operation, by: participant, holder: holder, &state)
            } then: {
                completion($0)
            }
        }
    }

    /// The same for tasks.
    public func perform(
        _ operation: Operation, on session: SessionID, by participant: Participant
    ) async throws(Refusal) -> Answer {
        try await withCheckedContinuation { continuation in
            perform(operation, on: session, by: participant) { continuation.resume(returning: $0) }
        }.get()
    }

    /// The state after the last event, as JSON.
    public func snapshot(
        of session: SessionID, _ page: SnapshotPage, by participant: Participant,
        then completion: @escaping @Sendable (Result<[UInt8], Refusal>) -> Void
    ) {
        guard Access.permits(.read, to: participant, orTell: completion) else { return }
        var page = page
        page.clearance = participant.clearance
        decide(on: session) { [page] (state) throws(Refusal) in
            try state.snapshot(page)
        } then: {
            completion($0)
        }
    }

    private func create(
        _ info: SessionInfo, by: Participant, then completion: @escaping AnswerCompletion,
        confirming confirm: @escaping @Sendable (SessionMachine) throws(Refusal) -> Void
    ) {
        let id = info.id
        do throws(Refusal) {
            try requireReady()
        } catch {
            return completion(.failure(error))
        }
        if store.status(of: StreamID(id)) == .erased { return completion(.failure(absent(id))) }
        if let live = makeSession(info, by: by) {
            _ = decide(on: live) { state in
                sessionAnswer(.created, state)
            } then: {
                completion($0)
            }
        } else {
            decide(on: id) { [self] (state) throws(Refusal) in
                try confirm(state.machine)
                return sessionAnswer(.ok, state)
            } then: {
                completion($0)
            }
        }
    }

    /// A new session in the directory, its first event still to be drained; `nil` if there is one.
    func makeSession(_ info: SessionInfo, by: Participant) -> LiveSession? {
        directory.create(info.id) {
            let machine = SessionMachine(
                creating: info, by: by, at: environment.now(), limits: configuration.session)
            return LiveSession(machine: machine, durable: .zero, now: environment.monotonic())
        }
    }

    private func apply(
        _ operation: Operation, by: Participant, holder: HolderConnection?, _ state: inout LiveSession.State
    ) throws(Refusal) -> Answer {
        let now = environment.now()
        switch operation {
        case .update(let patch):
            state.machine.update(
                title: patch.title, metadata: try merged(patch, state.machine.info), policies: patch.policies,
                closing: patch.closes, by: by, at: now)
            lookForViewers(of: state.machine.info.id, &state)
            return sessionAnswer(.ok, state)
        case .selectBranch(let input):
            try state.machine.selectBranch(input, by: by, at: now)
            return inputAnswer(.ok, input, state)
        case .updateInput(let id, let parts, let place):
            try state.machine.updateInput(id, parts: parts, place: place, by: by, at: now)
            return inputAnswer(.ok, id, state)
        case .withdrawInput(let id):
            try state.machine.withdrawInput(id, by: by, at: now)
            return inputAnswer(.ok, id, state)
        case .startRun(let start):
            return try startRun(start, by: by, holder: holder, &state)
        case .write(let write):
            return try take(write, holder: holder, &state)
        case .heartbeat(let run, let token):
            return try heartbeat(run, token, holder: holder, &state)
        case .spend(let run, let token, let usage):
            try state.machine.spend(run, token: token, usage: usage, at: now)
            return try heartbeat(run, token, holder: holder, &state)
        case .endRun(let end):
            return try endRun(end, &state)
        case .takeBaton(let id):
            return try takeBaton(id, by: by, &state)
        case .returnBaton(let id, let note):
            return try returnBaton(id, note: note, by: by, &state)
        case .say(let say):
            return try self.say(say, by: by, &state)
        case .create, .addInput, .regenerate, .command, .answer, .adopt:
            preconditionFailure("an operation with a path of its own")
        }
    }

    private func merged(_ patch: SessionPatch, _ info: SessionInfo) throws(Refusal) -> [UInt8]? {
        guard let change = patch.metadata else { return nil }
        if change.isNull { return Array("{}".utf8) }
        let merged = MergePatch.apply(change, to: try? JSONDocument.parse(info.metadata))
        guard merged.count <= configuration.session.metadata else {
            throw Refusal(.tooLarge, "metadata is at most \(configuration.session.metadata) bytes.")
        }
        return merged
    }

    private func startRun(
        _ start: Operation.StartRun, by: Participant, holder: HolderConnection?, _ state: inout LiveSession.State
    ) throws(Refusal) -> Answer {
        var request = RunRequest(
            id: start.id ?? RunID(unchecked: randomID("r-")), agent: start.agent, label: start.label,
            parent: start.parent, inputs: start.inputs, waitsForChildren: start.waitsForChildren,
            accepts: start.accepts, leaseMilliseconds: start.leaseMilliseconds, attempts: start.attempts,
            token: newToken())
        request.budget = start.budget
        request.heldBy = by
        let isNew = try state.machine.startRun(request, by: .agent(start.agent, through: by), at: environment.now())
        if isNew { metrics.runsStarted.increment() }
        renewLease(of: request.id, holder: holder, &state)
        return Answer(
            isNew ? .created : .ok, tail: state.machine.tail,
            body: JSONWriter.object { writeRunAndLease(request.id, state, to: &$0) })
    }

    private func take(
        _ write: Operation.Write, holder: HolderConnection?, _ state: inout LiveSession.State
    ) throws(Refusal) -> Answer {
        let written = try state.machine.write(
            write.events, run: write.run, token: write.token, number: write.number, frame: write.frame,
            at: environment.now())
        renewLease(of: write.run, holder: holder, &state)
        let tail = state.machine.tail
        return Answer(
            tail: tail, written: written.number,
            body: JSONWriter.object {
                $0.field("written", written.number)
                $0.field("tail", tail.rawValue)
                writeSettledRequests(of: write.run, state, to: &$0)
                writeCommands(of: write.run, state, to: &$0)
            })
    }

    private func heartbeat(
        _ run: RunID, _ token: String, holder: HolderConnection?, _ state: inout LiveSession.State
    ) throws(Refusal) -> Answer {
        try state.machine.renew(run, token: token, at: environment.now())
        renewLease(of: run, holder: holder, &state)
        let milliseconds = state.machine.lease(of: run)?.milliseconds ?? 0
        return Answer(
            tail: state.machine.tail,
            body: JSONWriter.object {
                $0.field("run", run.value)
                $0.key("lease")
                $0.object { $0.field("milliseconds", milliseconds) }
                writeSettledRequests(of: run, state, to: &$0)
                if let baton = state.machine.baton {
                    $0.key("baton")
                    baton.write(to: &$0)
                }
                writeCommands(of: run, state, to: &$0)
            })
    }

    private func endRun(_ end: Operation.EndRun, _ state: inout LiveSession.State) throws(Refusal) -> Answer {
        guard let agent = state.machine.run(end.run)?.agent else {
            throw Refusal(.runNotFound, "The session has no run \(end.run).")
        }
        _ = try state.machine.endRun(
            end.run, token: end.token, reason: end.reason, usage: end.usage, error: end.error, by: .agent(agent),
            at: environment.now())
        state.leases[end.run] = nil
        return Answer(
            tail: state.machine.tail,
            body: JSONWriter.object {
                $0.key("run")
                state.machine.run(end.run)?.write(to: &$0)
                $0.field("tail", state.machine.tail.rawValue)
            })
    }

    func newToken() -> String { randomID("l-") + randomID("") }

    func sessionAnswer(_ status: Answer.Status, _ state: LiveSession.State) -> Answer {
        Answer(
            status, tail: state.machine.tail,
            body: JSONWriter.object {
                $0.key("session")
                state.machine.writeSession(to: &$0)
                $0.field("seq", state.machine.tail.rawValue)
            })
    }

    func inputAnswer(_ status: Answer.Status, _ id: InputID, _ state: LiveSession.State) -> Answer {
        Answer(
            status, tail: state.machine.tail,
            body: JSONWriter.object {
                $0.key("input")
                state.machine.input(id)?.write(to: &$0)
                $0.field("seq", state.machine.tail.rawValue)
            })
    }

    func writeRunAndLease(_ id: RunID, _ state: LiveSession.State, to writer: inout JSONWriter) {
        writer.key("run")
        state.machine.run(id)?.write(to: &writer)
        guard let lease = state.machine.lease(of: id) else { return }
        writer.key("lease")
        writer.object {
            $0.field("epoch", lease.epoch)
            $0.field("token", lease.token)
            $0.field("milliseconds", lease.milliseconds)
        }
        writeCommands(of: id, state, to: &writer)
    }
}

extension Participant {
    /// An agent that acts through a request of this participant: its key is kept.
    static func agent(_ name: AgentName, through participant: Participant) -> Participant {
        Participant(id: name.value, role: .agent, device: participant.device, key: participant.key)
    }
}
