/// What can be asked of one session, whichever transport it came by.
public enum Operation: Sendable {
    case create(title: String?, metadata: [UInt8]?, policies: SessionPolicies.Patch? = nil)
    case update(SessionPatch)
    case addInput(AddInput)
    case updateInput(id: InputID, parts: [InputPart]?, place: InputPlace? = nil)
    /// Has an input answered once more, as a new input `id`.
    case regenerate(input: InputID, id: InputID?, agent: AgentName?)
    case selectBranch(input: InputID)
    case withdrawInput(id: InputID)
    case command(id: CommandID?, CommandOrder)
    case startRun(StartRun)
    case write(Write)
    case heartbeat(run: RunID, token: String)
    case endRun(EndRun)
    case adopt(Adopt)
    case answer(RequestAnswer)
    /// A heartbeat that says what the run has used so far.
    case spend(run: RunID, token: String, usage: [UInt8])
    case takeBaton(id: CommandID?)
    case returnBaton(id: CommandID?, note: [InputPart])
    case say(Say)

    public struct AddInput: Sendable {
        public var id: InputID?
        public var parts: [InputPart]
        public var agent: AgentName?
        /// `nil`: as the session's policy is.
        public var followUp: FollowUp?
        public var replaces: InputID?

        public init(
            id: InputID?, parts: [InputPart], agent: AgentName? = nil, followUp: FollowUp? = nil,
            replaces: InputID? = nil
        ) {
            self.replaces = replaces
            self.id = id
            self.parts = parts
            self.agent = agent
            self.followUp = followUp
        }
    }

    public struct StartRun: Sendable {
        public var id: RunID?
        public var agent: AgentName
        public var label: String?
        public var parent: RunID?
        public var inputs: [InputID]
        public var waitsForChildren: Bool
        public var accepts: [Command.Verb]?
        public var leaseMilliseconds: Int64
        public var budget: RunBudget?
        public var attempts: Int

        public init(
            id: RunID?, agent: AgentName, label: String? = nil, parent: RunID? = nil, inputs: [InputID] = [],
            waitsForChildren: Bool = false, accepts: [Command.Verb]? = nil, leaseMilliseconds: Int64,
            attempts: Int = 1
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
        }
    }

    public struct Write: Sendable {
        public var run: RunID
        public var token: String
        public var number: UInt64?
        public var events: [AgentEvent]
        /// The same in the caller's own format, kept beside it.
        public var frame: [UInt8]?

        public init(run: RunID, token: String, number: UInt64?, events: [AgentEvent], frame: [UInt8]? = nil) {
            self.run = run
            self.token = token
            self.number = number
            self.events = events
            self.frame = frame
        }
    }

    public struct Adopt: Sendable {
        public var run: RunID
        public var token: String
        /// Names the request, so that a retry of it gets the same lease.
        public var request: WorkID?
        /// `nil`: as long as before.
        public var leaseMilliseconds: Int64?

        public init(run: RunID, token: String, request: WorkID? = nil, leaseMilliseconds: Int64? = nil) {
            self.run = run
            self.token = token
            self.request = request
            self.leaseMilliseconds = leaseMilliseconds
        }
    }

    public struct Say: Sendable {
        public var id: MessageID?
        public var parts: [InputPart]
        public var audience: Audience
        public var parent: MessageID?
        /// The inputs that it answers.
        public var answers: [InputID]

        public init(
            id: MessageID?, parts: [InputPart], audience: Audience = .everyone, parent: MessageID? = nil,
            answers: [InputID] = []
        ) {
            self.id = id
            self.parts = parts
            self.audience = audience
            self.parent = parent
            self.answers = answers
        }
    }

    public struct RequestAnswer: Sendable {
        public var request: AgentRequestID
        public var id: ReplyID?
        /// Compact JSON.
        public var value: [UInt8]
        public var digest: String?
        public var note: String?

        public init(
            request: AgentRequestID, id: ReplyID?, value: [UInt8], digest: String? = nil, note: String? = nil
        ) {
            self.request = request
            self.id = id
            self.value = value
            self.digest = digest
            self.note = note
        }
    }

    public struct EndRun: Sendable {
        public var run: RunID
        public var token: String
        public var reason: Run.State
        public var usage: [UInt8]?
        public var error: RunError?

        public init(run: RunID, token: String, reason: Run.State, usage: [UInt8]? = nil, error: RunError? = nil) {
            self.run = run
            self.token = token
            self.reason = reason
            self.usage = usage
            self.error = error
        }
    }
}

/// What a PATCH of a session changes. `nil` leaves.
public struct SessionPatch: Sendable {
    public var title: String?
    /// A merge patch (RFC 7396), or `null`.
    public var metadata: JSONValue?
    public var policies: SessionPolicies.Patch?
    public var closes: Bool

    public init(
        title: String? = nil, metadata: JSONValue? = nil, policies: SessionPolicies.Patch? = nil, closes: Bool = false
    ) {
        self.title = title
        self.metadata = metadata
        self.policies = policies
        self.closes = closes
    }
}
