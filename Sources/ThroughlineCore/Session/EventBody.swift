/// What happened, as a value. With its number, time and author it is an event; see ``Event``.
public enum EventBody: Hashable, Sendable {
    case sessionCreated(SessionInfo)
    case sessionUpdated(SessionInfo)
    case sessionClosed(SessionInfo)
    case inputAdded(id: InputID, agent: AgentName?, parts: [InputPart])
    case inputUpdated(id: InputID, parts: [InputPart])
    case inputWithdrawn(id: InputID, command: CommandID?)
    case runStarted(RunStart)
    case runEnded(RunEnd)
    case messageStarted(
        id: MessageID, run: RunID?, role: MessageRole, parent: MessageID?, audience: Audience = .everyone)
    case messageEnded(id: MessageID, status: PieceStatus)
    case partStarted(id: PartID, message: MessageID, head: PartHead)
    case partAppended(id: PartID, run: RunID?, offset: Int, text: [UInt8])
    case partEnded(id: PartID, status: PieceStatus)
    case commandRequested(id: CommandID, target: Command.Target)
    case commandAccepted(id: CommandID)
    case commandRejected(id: CommandID, reason: String)
    case commandApplied(id: CommandID)
    indirect case request(RequestEvent)
    indirect case baton(BatonEvent)
    /// By what an operator said: no agent need take it.
    case inputAnswered(id: InputID, message: MessageID)

    public struct RunStart: Hashable, Sendable {
        public var id: RunID
        public var agent: AgentName
        public var label: String?
        public var parent: RunID?
        public var inputs: [InputID]
        public var epoch: UInt64
        public var leaseMilliseconds: Int64
        public var budget: RunBudget?
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
        case .runStarted: "run.started"
        case .runEnded: "run.ended"
        case .messageStarted: "message.started"
        case .messageEnded: "message.ended"
        case .partStarted: "part.started"
        case .partAppended: "part.appended"
        case .partEnded: "part.ended"
        case .commandRequested: "command.requested"
        case .commandAccepted: "command.accepted"
        case .commandRejected: "command.rejected"
        case .commandApplied: "command.applied"
        case .request(let event): event.type
        case .baton(let event): event.type
        case .inputAnswered: "input.answered"
        }
    }
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
