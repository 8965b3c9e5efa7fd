/// What a run is asked to be.
public struct RunRequest: Hashable, Sendable {
    public var id: RunID
    public var agent: AgentName
    public var label: String?
    public var parent: RunID?
    public var inputs: [InputID]
    public var waitsForChildren = false
    /// The commands that the agent understands; `nil`: all.
    public var accepts: [Command.Verb]?
    public var leaseMilliseconds: Int64
    /// How often it is begun at most, where it has inputs and loses its agents.
    public var attempts: Int
    /// The lease's token, random, minted by the shell.
    public var token: String
    /// Who is given it.
    public var heldBy: Participant?
    public var work: WorkID?
    public var budget: RunBudget?

    public init(
        id: RunID, agent: AgentName, label: String? = nil, parent: RunID? = nil, inputs: [InputID] = [],
        waitsForChildren: Bool = false, accepts: [Command.Verb]? = nil, leaseMilliseconds: Int64, attempts: Int = 1,
        token: String, work: WorkID? = nil
    ) {
        self.id = id
        self.agent = agent
        self.label = label
        self.parent = parent
        self.inputs = inputs
        self.waitsForChildren = waitsForChildren
        self.accepts = accepts
        self.leaseMilliseconds = leaseMilliseconds
        self.attempts = attempts
        self.token = token
        self.work = work
    }
}

extension SessionMachine {
    /// Starts a run. False if this very run was started before, by the same participant: a retry then gets the same lease, as long
    /// as the run is active. One that is queued is taken on.
    public mutating func startRun(_ request: RunRequest, by: Participant, at: Timestamp) throws(Refusal) -> Bool {
        if let run = runs[request.id] {
            guard run.agent == request.agent else {
                throw Refusal(.runExists, "A run of this id belongs to another agent. Use another id.")
            }
            guard run.state == .queued else {
                // The lease's token is in the answer.
                guard let holder = run.heldBy, holder == request.heldBy else {
                    throw Refusal(.runExists, "Somebody else has a run of this id. Use another id.")
                }
                try requireActive(run, at: at)
                return false
            }
            try requireNoBaton()
            takeOn(run, request, by: by, at: at)
            return true
        }
        try requireOpen()
        try checkStart(request)
        let start = EventBody.RunStart(
            id: request.id, agent: request.agent, label: request.label, parent: request.parent,
            inputs: request.inputs, epoch: 1, leaseMilliseconds: request.leaseMilliseconds,
            waitsForChildren: request.waitsForChildren, accepts: request.accepts, budget: request.budget,
            attempts: request.inputs.isEmpty ? 1 : request.attempts)
        emit(
            .runStarted(start), by: by, at: at,
            note: Note(run: request.id, token: request.token, heldBy: request.heldBy, work: request.work))
        return true
    }

    private func checkStart(_ request: RunRequest) throws(Refusal) {
        try requireNoBaton()
        guard hasRoomForRun else {
            throw Refusal(.tooMany, "\(limits.activeRuns) runs are active. Wait until one ends.")
        }
        if let parent = request.parent {
            guard let run = runs[parent] else {
                throw Refusal(.runNotFound, "There is no run \(parent) to be the parent.")
            }
            guard run.isHeldByAgent || run.state == .queued else { throw ended(run) }
        }
        for id in request.inputs {
            guard let input = inputs[id] else { throw Refusal(.inputNotFound, "The session has no input \(id).") }
            guard input.state == .queued else {
                throw Refusal(.inputClaimed, "The input \(id) is \(input.state.rawValue).")
            }
        }
    }

    /// Ends a run as its agent says. False if it ended so before.
    public mutating func endRun(
        _ id: RunID, token: String, reason: Run.State, usage: [UInt8]? = nil, error: RunError? = nil,
        by: Participant, at: Timestamp
    ) throws(Refusal) -> Bool {
        let run = try holder(of: id, token: token)
        if (run.held?.reason ?? run.state) == reason, reason != .cancelled { return false }
        try requireActive(run, at: at)
        if run.waitsForChildren, withDescendants([id]) != [id] {
            hold(run, as: reason, usage: usage, error: error, by: by, at: at)
        } else {
            finish(run, as: reason, usage: usage, error: error, by: by, at: at)
        }
        return true
    }

    /// Checks a heartbeat: the holder is told if the run is over.
    public mutating func renew(_ id: RunID, token: String, at: Timestamp) throws(Refusal) {
        try requireActive(try holder(of: id, token: token), at: at)
    }

    /// The lease of a run is over: an active one is handed on or lost; of a cancelled one nobody is left to be told.
    public mutating func expireLease(of id: RunID, at: Timestamp) {
        guard let run = runs[id] else { return }
        guard run.isHeldByAgent else { return holderTold(of: id, at: at) }
        if canBeHandedOn(run) { handOn(run, at: at) } else { finish(run, as: .lost, by: .server, at: at) }
    }

    /// The holder of a cancelled run knows it now.
    public mutating func holderTold(of id: RunID, at: Timestamp) {
        guard let index = runs.index(of: id), let command = runs[index].untold else { return }
        runs[index].untold = nil
        let othersWait = runs.items.contains { $0.untold == command }
        if !othersWait, commands[command]?.state == .accepted {
            emit(.commandApplied(.init(id: command)), by: .server, at: at)
        }
    }

    /// Ends all of a run but the run itself, which waits for those below it.
    private mutating func hold(
        _ run: Run, as reason: Run.State, usage: [UInt8]?, error: RunError?, by: Participant, at: Timestamp
    ) {
        finishContent(of: run, as: reason, by: by, at: at)
        let end = EventBody.RunEnd(id: run.id, reason: reason, usage: usage, error: error, command: nil)
        emit(.runWaiting(.init(id: run.id, reason: Run.Wait.children, command: nil, end: end)), by: by, at: at)
    }

    /// Ends the runs above this one that only waited for it.
    private mutating func releaseAncestors(of id: RunID, at: Timestamp) {
        var above = runs[id]?.parent
        while let parent = above.flatMap({ runs[$0] }) {
            above = parent.parent
            guard let end = parent.held, withDescendants([parent.id]) == [parent.id] else { continue }
            emit(.runEnded(end), by: .agent(parent.agent), at: at)
        }
    }

    /// What the agent has begun and nobody will go on with.
    private mutating func finishContent(of run: Run, as reason: Run.State, by: Participant, at: Timestamp) {
        for command in runs[run.id]?.pending ?? [] { expire(command, reason: "run_ended", at: at) }
        let status: PieceStatus =
            switch reason {
            case .completed: .complete
            case .cancelled: .cancelled
            case .failed, .lost, .active, .waiting, .queued: .interrupted
            }
        finishMessages(of: run.id, as: status, by: by, at: at)
        finishSteps(of: run.id, as: status, by: by, at: at)
        withdrawRequests(of: run.id, as: reason, at: at)
    }

    /// Ends the open parts and messages of a run, then the run.
    mutating func finish(
        _ run: Run, as reason: Run.State, usage: [UInt8]? = nil, error: RunError? = nil, command: CommandID? = nil,
        by: Participant, at: Timestamp
    ) {
        finishContent(of: run, as: reason, by: by, at: at)
        let end = EventBody.RunEnd(id: run.id, reason: reason, usage: usage, error: error, command: command)
        emit(.runEnded(end), by: by, at: at)
        releaseAncestors(of: run.id, at: at)
    }

    mutating func finishMessages(of run: RunID, as status: PieceStatus, by: Participant, at: Timestamp) {
        for message in runs[run]?.openMessages ?? [] { finish(message, as: status, by: by, at: at) }
    }

    mutating func finish(_ id: MessageID, as status: PieceStatus, by: Participant, at: Timestamp) {
        for part in messages[id]?.parts ?? [] where part.status == .streaming {
            emit(.partEnded(id: part.id, status: status), by: by, at: at)
        }
        emit(.messageEnded(id: id, status: status), by: by, at: at)
    }

    /// The run, if the token is that of its lease.
    func holder(of id: RunID, token: String) throws(Refusal) -> Run {
        guard let run = runs[id] else { throw Refusal(.runNotFound, "The session has no run \(id).") }
        guard ConstantTime.equal(run.token, token) else {
            throw Refusal(.runFenced, "Another agent has this run, or the lease token is wrong. Stop writing.")
        }
        return run
    }

    /// Throws if the run is over. Its holder is told by that.
    mutating func requireActive(_ run: Run, at: Timestamp) throws(Refusal) {
        guard !run.isHeldByAgent else { return }
        holderTold(of: run.id, at: at)
        throw ended(run)
    }

    func ended(_ run: Run) -> Refusal {
        if run.error?.code == Refusal.Code.budgetExceeded.rawValue {
            return Refusal(.budgetExceeded, "The run \(run.id) is over: it used more than it may. Stop working on it.")
        }
        if run.state == .cancelled {
            return Refusal(.runCancelled, "The run \(run.id) was cancelled. Stop working on it.")
        }
        guard run.state.isOver else {
            return Refusal(.runEnded, "The run \(run.id) waits for its children and takes no more. Stop writing.")
        }
        return Refusal(.runEnded, "The run \(run.id) is over: \(run.state.rawValue). Stop writing.")
    }
}

/// Comparison of secrets in a time that does not tell where they differ.
public enum ConstantTime {
    public static func equal(_ left: String, _ right: String) -> Bool {
        let left = Array(left.utf8)
        let right = Array(right.utf8)
        guard left.count == right.count, !left.isEmpty else { return false }
        var difference: UInt8 = 0
        for index in left.indices { difference |= left[index] ^ right[index] }
        return difference == 0
    }
}
