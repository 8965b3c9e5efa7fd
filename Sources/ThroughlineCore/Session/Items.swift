/// How far a message or a part has come.
public enum PieceStatus: String, Sendable {
    case streaming, complete, cancelled
    /// Its source was cut off: what is there is not the whole.
    case interrupted
}

/// A session's own data, whole in every event that changes it.
public struct SessionInfo: Hashable, Sendable {
    public enum State: String, Sendable { case open, closed }

    /// The session that it began as a copy of, and the event up to which.
    public struct Origin: Hashable, Sendable {
        public var session: SessionID
        public var sequence: SequenceNumber

        public init(session: SessionID, sequence: SequenceNumber) {
            self.session = session
            self.sequence = sequence
        }
    }

    public var id: SessionID
    public var title: String
    /// A JSON object, compact.
    public var metadata: [UInt8]
    public var policies: SessionPolicies
    public var state: State
    public var forkedFrom: Origin?

    public init(
        id: SessionID, title: String = "", metadata: [UInt8] = Array("{}".utf8),
        policies: SessionPolicies = SessionPolicies(), state: State = .open, forkedFrom: Origin? = nil
    ) {
        self.id = id
        self.title = title
        self.metadata = metadata
        self.policies = policies
        self.state = state
        self.forkedFrom = forkedFrom
    }
}

/// What kind of thing a part is.
public enum PartKind: String, Sendable, CaseIterable {
    case text, reasoning
    case toolCall = "tool-call"
    case toolResult = "tool-result"
    case data, file, source
}

/// What is known of a part besides its text.
public struct PartHead: Hashable, Sendable {
    public var kind: PartKind
    /// A tool's name, or what a data part is called.
    public var name: String?
    /// The id of the tool call that this is, or answers.
    public var call: String?
    public var mediaType: String?
    public var url: String?
    public var title: String?
    public var audience: Audience

    public init(
        kind: PartKind, name: String? = nil, call: String? = nil, mediaType: String? = nil, url: String? = nil,
        title: String? = nil, audience: Audience = .everyone
    ) {
        self.kind = kind
        self.name = name
        self.call = call
        self.mediaType = mediaType
        self.url = url
        self.title = title
        self.audience = audience
    }
}

/// A part of an input: said at once, so it never grows.
public struct InputPart: Hashable, Sendable {
    public var head: PartHead
    /// UTF-8.
    public var text: [UInt8]

    public init(head: PartHead, text: [UInt8]) {
        self.head = head
        self.text = text
    }

    public init(text: String) { self.init(head: PartHead(kind: .text), text: Array(text.utf8)) }
}

/// Where an input stands in the tree of a conversation.
public struct BranchPlace: Hashable, Sendable {
    /// The input that it stands beside: an edit of it, or the same once more for another answer.
    public var replaces: InputID?
    /// Whether it asks for another answer to the same.
    public var isRegeneration: Bool
    /// The input whose answer it follows, where that is not the input added before it.
    public var after: InputID?

    public init(replaces: InputID? = nil, isRegeneration: Bool = false, after: InputID? = nil) {
        self.replaces = replaces
        self.isRegeneration = isRegeneration
        self.after = after
    }
}

/// Inputs that stand beside each other, of which a conversation follows one.
public struct Branch: Hashable, Sendable {
    /// In order of creation: the first is the one that the others replace.
    public var siblings: [InputID]
    public var selected: InputID
}

/// What somebody sent: a durable piece of work.
public struct Input: Hashable, Sendable {
    public enum State: String, Sendable {
        case queued
        /// Offered to the run that is active, which may still take it in; see ``FollowUp/steer``.
        case steering
        case claimed, answered
        /// Its run failed or was lost.
        case unanswered
        case cancelled, withdrawn
    }

    public var id: InputID
    public var sequence: SequenceNumber
    public var at: Timestamp
    public var by: Participant
    /// The agent it is addressed to; `nil`: to whoever takes it.
    public var agent: AgentName?
    public var parts: [InputPart]
    public var followUp = FollowUp.queue
    public var branch = BranchPlace()
    public var state = State.queued
    public var run: RunID?
    /// The command that it was before.
    public var command: CommandID?
    /// Why it was withdrawn, where nobody did it by hand.
    public var reason: String?
    /// The input before it in its branch.
    public var previous: InputID?
}

/// One agent at work on inputs, under a lease.
public struct Run: Hashable, Sendable {
    public enum State: String, Sendable {
        /// Its agent was lost, and it waits to be taken on by another of the same name.
        case queued
        case active
        /// It goes on later; ``Run/waiting`` says what for.
        case waiting
        case completed, failed, cancelled
        /// Its agent fell silent for longer than the lease.
        case lost

        public var isOver: Bool { self != .active && self != .waiting && self != .queued }
    }

    /// What the server itself lets a run wait for.
    public enum Wait {
        /// Its agent stopped as it was asked to, until it is resumed.
        public static let paused = "paused"
        /// Its agent is done, and runs below it are not.
        public static let children = "children"
    }

    /// Who held the run before: its writes that were taken are known as such still.
    struct FormerHolder: Hashable, Sendable {
        var token: String
        var written: UInt64
        /// The request with which another process took the run over, where one did.
        var adoption: WorkID?
    }

    public var id: RunID
    public var sequence: SequenceNumber
    public var at: Timestamp
    public var agent: AgentName
    public var label: String?
    public var parent: RunID?
    public var inputs: [InputID]
    public var epoch: UInt64
    public var leaseMilliseconds: Int64
    /// Its end is held until all runs below it have ended.
    public var waitsForChildren = false
    /// The commands that its agent understands; `nil`: all.
    public var accepts: [Command.Verb]?
    public var budget: RunBudget?
    /// Which attempt this is, of how many at most.
    public var attempt = 1
    public var attempts = 1
    /// Where it is queued: when it may be taken on.
    public var notBefore: Timestamp?
    public var state = State.active
    /// What it waits for, while it does.
    public var waiting: String?
    /// A JSON object, compact: `fraction` from 0 to 1, `text`.
    public var progress: [UInt8]?
    /// A JSON object, compact.
    public var usage: [UInt8]?
    public var error: RunError?
    public var ended: Timestamp?
    /// In the order in which they were first begun.
    public var steps: [Step] = []

    // Private: in no event and no snapshot.
    var token: String
    /// Who was given the token, where that is known.
    var heldBy: Participant?
    var work: WorkID?
    /// The number of the last write taken.
    var written: UInt64 = 0
    /// The cancel whose holder has not been told yet.
    package var untold: CommandID?
    var openMessages: [MessageID] = []
    /// How it will end when those below it have; see ``waitsForChildren``.
    package var held: EventBody.RunEnd?
    /// The accepted commands that its agent has not carried out yet, oldest first.
    var pending: [CommandID] = []

    /// Whether its agent may write.
    public var isHeldByAgent: Bool { !state.isOver && state != .queued && held == nil }

    var former: FormerHolder?
    /// Where it is queued: its pause is over. Not kept.
    var isReady = false
}

/// A piece of a run's work that can be done again. What a later attempt says stands for what an earlier one said.
public struct Step: Hashable, Sendable {
    public var id: StepID
    public var attempt = 1
    public var label: String?
    public var status = PieceStatus.streaming
    /// When it was begun last. Private: in no snapshot.
    var begun: SequenceNumber
}

/// Why a run failed.
public struct RunError: Hashable, Sendable {
    public var code: String
    public var message: String

    public init(code: String, message: String) {
        self.code = code
        self.message = message
    }
}

/// Whose voice a message is.
public enum MessageRole: String, Sendable {
    case assistant, user, system, tool
    /// A person who answers in an agent's place, or whispers.
    case `operator`
}

/// Something said, in parts.
public struct Message: Hashable, Sendable {
    public var id: MessageID
    public var sequence: SequenceNumber
    public var at: Timestamp
    public var by: Participant
    public var run: RunID?
    public var role: MessageRole
    public var parent: MessageID?
    /// The step of its run that it belongs to.
    public var step: StepID?
    public var audience = Audience.everyone
    public var status = PieceStatus.streaming
    /// Another attempt says it anew.
    public var isSuperseded = false
    public var parts: [Part] = []
}

/// A piece of a message that grows by appends.
public struct Part: Hashable, Sendable {
    public var id: PartID
    public var head: PartHead
    public var status = PieceStatus.streaming
    /// UTF-8, always whole characters.
    public var text: [UInt8] = []
}

/// An order to the agents of a session, and what became of it.
public struct Command: Hashable, Sendable {
    public enum Verb: String, Sendable, CaseIterable {
        case cancel
        /// Something more to take into account, while the run goes on.
        case steer
        /// The present output ends here; the run goes on.
        case interrupt
        case pause, resume
        /// An operator answers from now on, and the agents wait.
        case takeover
        /// The agents answer again.
        case handback

        /// Whether it is about who answers, and not about a run.
        public var isOfBaton: Bool { self == .takeover || self == .handback }
    }

    public enum State: String, Sendable {
        case requested, accepted, rejected, applied
        /// Nobody carried it out in time.
        case expired

        public var isFinal: Bool { self == .rejected || self == .applied || self == .expired }
    }

    public enum Target: Hashable, Sendable {
        case run(RunID)
        case input(InputID)
        case agent(AgentName)
        case mine
        case all
    }

    public var id: CommandID
    public var sequence: SequenceNumber
    public var at: Timestamp
    public var by: Participant
    public var order: CommandOrder
    public var state = State.requested
    /// Why it was rejected, or expired.
    public var reason: String?
    /// The run that has to carry it out.
    public var run: RunID?
    /// The input that it was made of, or became.
    public var input: InputID?
    /// What the agent made of it: `consumed`, or for now `deferred`.
    public var outcome: String?
    /// When it expires if nobody carries it out.
    public var expires: Timestamp?

    public var verb: Verb { order.verb }
}

/// What a command says.
public struct CommandOrder: Hashable, Sendable {
    public var verb: Command.Verb
    public var target: Command.Target
    /// What a `steer` or an `interrupt` has to say.
    public var parts: [InputPart]
    /// It becomes an input where no run takes it in.
    public var becomesInput: Bool

    public init(
        verb: Command.Verb, target: Command.Target, parts: [InputPart] = [], becomesInput: Bool = false
    ) {
        self.verb = verb
        self.target = target
        self.parts = parts
        self.becomesInput = becomesInput
    }
}
