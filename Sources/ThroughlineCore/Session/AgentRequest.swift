/// An agent's question to people: answered exactly once, or over by its deadline or with its run.
public struct AgentRequest: Hashable, Sendable {
    public enum Kind: String, Sendable, CaseIterable {
        /// Yes or no to something with exactly these arguments.
        case approval
        case choice
        /// A text, or where it has a schema any JSON of that form.
        case text
        /// A tool that runs where the person is.
        case clientTool = "client-tool"
    }

    public enum State: String, Sendable {
        case open, resolved
        /// Nobody answered in time. With a default, that is the answer.
        case expired
        /// Its run or its step's attempt ended first, or its agent took it back.
        case withdrawn
    }

    public struct Choice: Hashable, Sendable {
        public var id: String
        public var label: String?

        public init(id: String, label: String? = nil) {
            self.id = id
            self.label = label
        }
    }

    /// Who may answer: whoever has one of the roles, or is one of the participants.
    public struct Who: Hashable, Sendable {
        public var roles: [Participant.Role]
        public var participants: [String]

        public init(roles: [Participant.Role] = [], participants: [String] = []) {
            self.roles = roles
            self.participants = participants
        }

        /// Any user and any operator.
        public static let people = Who(roles: [.user, .operator])

        public func includes(_ participant: Participant) -> Bool {
            roles.contains(participant.role) || participants.contains(participant.id)
        }
    }

    /// What is asked, of whom, until when.
    public struct Opening: Hashable, Sendable {
        public var kind: Kind
        public var prompt: String
        /// The step that was open when it was asked.
        public var step: StepID?
        /// The tool call that it is about.
        public var part: PartID?
        /// Compact JSON.
        public var arguments: [UInt8]?
        /// SHA-256 of the arguments' bytes, in hexadecimal.
        public var digest: String?
        public var choices: [Choice] = []
        /// Compact JSON; see ``JSONSchema``.
        public var schema: [UInt8]?
        public var tool: String?
        public var deadline: Timestamp
        /// The answer where nobody gives one in time: compact JSON.
        public var fallback: [UInt8]?
        public var who: Who

        public init(
            kind: Kind, prompt: String, step: StepID? = nil, part: PartID? = nil, arguments: [UInt8]? = nil,
            digest: String? = nil,
            choices: [Choice] = [], schema: [UInt8]? = nil, tool: String? = nil, deadline: Timestamp,
            fallback: [UInt8]? = nil, who: Who = .people
        ) {
            self.kind = kind
            self.prompt = prompt
            self.step = step
            self.part = part
            self.arguments = arguments
            self.digest = digest
            self.choices = choices
            self.schema = schema
            self.tool = tool
            self.deadline = deadline
            self.fallback = fallback
            self.who = who
        }
    }

    /// What was answered.
    public struct Reply: Hashable, Sendable {
        public var id: ReplyID
        /// Compact JSON: true or false, the id of a choice, or what the schema wants.
        public var value: [UInt8]
        /// The digest of what the answer is about.
        public var digest: String?
        /// A word to the agent.
        public var note: String?

        public init(id: ReplyID, value: [UInt8], digest: String? = nil, note: String? = nil) {
            self.id = id
            self.value = value
            self.digest = digest
            self.note = note
        }
    }

    /// How it came to its end.
    public struct Settlement: Hashable, Sendable {
        /// `nil` where the deadline's default was taken.
        public var reply: ReplyID?
        public var value: [UInt8]
        public var digest: String?
        public var note: String?
        public var by: Participant
        public var at: Timestamp
    }

    public var id: AgentRequestID
    public var sequence: SequenceNumber
    public var at: Timestamp
    public var by: Participant
    public var run: RunID
    public var opening: Opening
    public var state = State.open
    public var answer: Settlement?
    /// Why it was withdrawn.
    public var reason: String?
}

/// What an agent asks for; the deadline counts from when it is written.
public struct RequestDraft: Hashable, Sendable {
    public var id: AgentRequestID
    /// Its `deadline` is set by the machine.
    public var opening: AgentRequest.Opening
    public var milliseconds: Int64?

    public init(id: AgentRequestID, opening: AgentRequest.Opening, milliseconds: Int64? = nil) {
        self.id = id
        self.opening = opening
        self.milliseconds = milliseconds
    }
}

/// What happened to a request.
public enum RequestEvent: Hashable, Sendable {
    /// Also when the arguments of an approval changed: then answers to what they were before are void.
    case opened(id: AgentRequestID, run: RunID, AgentRequest.Opening)
    case resolved(id: AgentRequestID, AgentRequest.Reply)
    case expired(id: AgentRequestID, value: [UInt8]?)
    case withdrawn(id: AgentRequestID, reason: String)

    var type: StaticString {
        switch self {
        case .opened: "request.opened"
        case .resolved: "request.resolved"
        case .expired: "request.expired"
        case .withdrawn: "request.withdrawn"
        }
    }
}
