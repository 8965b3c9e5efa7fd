/// What happened, as a value. With its number, time and author it is an event; see ``Event``.
public enum EventBody: Hashable, Sendable {
    case sessionCreated(SessionInfo)
    case sessionUpdated(SessionInfo)
    case sessionClosed(SessionInfo)
    case inputAdded(InputAddition)
    case inputUpdated(InputChange)
    /// With its reason where nobody did it by hand.
    case inputWithdrawn(id: InputID, command: CommandID?, reason: String?)
    case runStarted(RunStart)
    case runUpdated(RunUpdate)
    indirect case runWaiting(RunWait)
    case runResumed(id: RunID, command: CommandID?)
    case branchSwitched(input: InputID)
    case runQueued(RunHandOn)
    case runAdopted(id: RunID, epoch: UInt64, leaseMilliseconds: Int64)
    case runEnded(RunEnd)
    case stepStarted(id: StepID, run: RunID, attempt: Int, label: String?)
    case stepEnded(id: StepID, run: RunID, status: PieceStatus)
    case messageStarted(
        id: MessageID, run: RunID?, role: MessageRole, parent: MessageID?, step: StepID? = nil,
        audience: Audience = .everyone)
    case messageEnded(id: MessageID, status: PieceStatus)
    case partStarted(id: PartID, message: MessageID, head: PartHead)
    case partAppended(id: PartID, run: RunID?, offset: Int, text: [UInt8])
    case partEnded(id: PartID, status: PieceStatus)
    indirect case request(RequestEvent)
    indirect case baton(BatonEvent)
    /// By what an operator said: no agent need take it.
    case inputAnswered(id: InputID, message: MessageID)
    /// With the input that it is made of, where it is of one.
    case commandRequested(id: CommandID, order: CommandOrder, input: InputID?)
    case commandAccepted(CommandNews)
    case commandRejected(CommandNews)
    case commandDeferred(CommandNews)
    case commandApplied(CommandNews)
    case commandExpired(CommandNews)

    public struct InputAddition: Hashable, Sendable {
        public var id: InputID
        public var agent: AgentName?
        public var parts: [InputPart]
        public var followUp = FollowUp.queue
        /// It goes before this one in the queue, and not behind all.
        public var before: InputID?
        public var command: CommandID?
        public var place: BranchPlace

        public init(
            id: InputID, agent: AgentName?, parts: [InputPart], followUp: FollowUp = .queue, before: InputID? = nil,
            command: CommandID? = nil, place: BranchPlace = BranchPlace()
        ) {
            self.place = place
            self.id = id
            self.agent = agent
            self.parts = parts
            self.followUp = followUp
            self.before = before
            self.command = command
        }
    }

    public struct InputChange: Hashable, Sendable {
        public var id: InputID
        public var parts: [InputPart]?
        public var place: InputPlace?
    }

    public struct RunUpdate: Hashable, Sendable {
        public var id: RunID
        public var label: String?
        public var progress: [UInt8]?
        /// What it has used so far, in all.
        public var usage: [UInt8]?

        public init(id: RunID, label: String? = nil, progress: [UInt8]? = nil, usage: [UInt8]? = nil) {
            self.id = id
            self.label = label
            self.progress = progress
            self.usage = usage
        }
    }

    public struct RunWait: Hashable, Sendable {
        public var id: RunID
        public var reason: String
        public var command: CommandID?
        /// How the run will end.
        public var end: RunEnd?

        public init(id: RunID, reason: String, command: CommandID? = nil, end: RunEnd? = nil) {
            self.id = id
            self.reason = reason
            self.command = command
            self.end = end
        }
    }

    /// What became of a command.
    public struct CommandNews: Hashable, Sendable {
        public var id: CommandID
        public var reason: String?
        public var run: RunID?
        public var input: InputID?
        public var outcome: String?
        public var expires: Timestamp?

        public init(
            id: CommandID, reason: String? = nil, run: RunID? = nil, input: InputID? = nil, outcome: String? = nil,
            expires: Timestamp? = nil
        ) {
            self.id = id
            self.reason = reason
            self.run = run
            self.input = input
            self.outcome = outcome
            self.expires = expires
        }
    }

    public struct RunStart: Hashable, Sendable {
        public var id: RunID
        public var agent: AgentName
        public var label: String?
        public var parent: RunID?
        public var inputs: [InputID]
        public var epoch: UInt64
        public var leaseMilliseconds: Int64
        public var waitsForChildren = false
        public var accepts: [Command.Verb]?
        public var budget: RunBudget?
        /// Which attempt this is, of how many at most.
        public var attempt = 1
        public var attempts = 1
    }

    /// A run that lost its agent waits for another.
    public struct RunHandOn: Hashable, Sendable {
        public var id: RunID
        /// The attempt that it waits for.
        public var attempt: Int
        public var notBefore: Timestamp
    }

    public struct RunEnd: Hashable, Sendable {
        public var id: RunID
        public var reason: Run.State
        public var usage: [UInt8]?
        public var error: RunError?
        public var command: CommandID?
    }

    /// The `type` of the event on the wire.
    public var type: StaticString {
        switch self {
        case .sessionCreated: "session.created"
        case .sessionUpdated: "session.updated"
        case .sessionClosed: "session.closed"
        case .inputAdded: "input.added"
        case .inputUpdated: "input.updated"
        case .inputWithdrawn: "input.withdrawn"
        case .branchSwitched: "branch.switched"
        case .runStarted: "run.started"
        case .runUpdated: "run.updated"
        case .runWaiting: "run.waiting"
        case .runResumed: "run.resumed"
        case .runQueued: "run.queued"
        case .runAdopted: "run.adopted"
        case .runEnded: "run.ended"
        case .stepStarted: "step.started"
        case .stepEnded: "step.ended"
        case .messageStarted: "message.started"
        case .messageEnded: "message.ended"
        case .partStarted: "part.started"
        case .partAppended: "part.appended"
        case .partEnded: "part.ended"
        case .commandRequested: "command.requested"
        case .commandAccepted: "command.accepted"
        case .commandRejected: "command.rejected"
        case .commandDeferred: "command.deferred"
        case .commandApplied: "command.applied"
        case .commandExpired: "command.expired"
        case .request(let event): event.type
        case .baton(let event): event.type
        case .inputAnswered: "input.answered"
        }
    }
}

/// Where an input goes in the queue.
public enum InputPlace: Hashable, Sendable {
    case before(InputID)
    case last
}

/// One entry of a session's public history.
public struct Event: Hashable, Sendable {
    public var sequence: SequenceNumber
    public var at: Timestamp
    /// Absent in `part.appended`, whose run says whose it is.
    public var by: Participant?
    public var body: EventBody

    public init(sequence: SequenceNumber, at: Timestamp, by: Participant?, body: EventBody) {
        self.sequence = sequence
        self.at = at
        self.by = by
        self.body = body
    }
}
