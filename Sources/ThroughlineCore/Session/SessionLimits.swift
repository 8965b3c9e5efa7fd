/// How large things in a session may become. Sizes are in bytes of UTF-8.
public struct SessionLimits: Sendable {
    public var title = 512
    public var metadata = 16 << 10
    public var inputParts = 32
    public var inputText = 256 << 10
    public var queuedInputs = 1_000
    public var activeRuns = 256
    /// Inputs that stand beside each other.
    public var siblings = 200
    public var eventsPerWrite = 1_000
    public var partText = 8 << 20
    /// The text of one append that a client sends.
    public var appendText = 256 << 10
    public var partsPerMessage = 1_000
    public var openMessagesPerRun = 64
    public var stepsPerRun = 1_000
    public var label = 512
    public var usage = 4 << 10
    /// Names, addresses and titles of parts, each.
    public var attribute = 8 << 10
    public var leaseMilliseconds: ClosedRange<Int64> = 1_000...600_000
    public var defaultLeaseMilliseconds: Int64 = 30_000
    /// How often a run with inputs is begun at most, where it loses its agents.
    public var attempts: ClosedRange<Int> = 1...10
    public var defaultAttempts = 3
    /// The pause before the second attempt, which doubles with each further one, and the longest.
    public var firstPauseMilliseconds: Int64 = 1_000
    public var longestPauseMilliseconds: Int64 = 30_000
    /// How many ended runs of a session are remembered by the work id that started them.
    public var rememberedWork = 32
    public var listedParticipants = 32
    /// Participants and devices whose read marks are kept.
    public var readMarks = 256
    /// An operator who says nothing for so long has the baton no longer.
    public var batonMilliseconds: Int64 = 900_000
    public var openRequests = 256
    public var requestPrompt = 8 << 10
    /// Arguments, default and answer of a request, each.
    public var requestValue = 64 << 10
    public var requestSchema = 16 << 10
    public var requestChoices = 64
    public var requestNote = 4 << 10
    public var requestParticipants = 32
    /// How long a request may wait for its answer; none waits for ever.
    public var requestMilliseconds: ClosedRange<Int64> = 1_000...604_800_000
    public var defaultRequestMilliseconds: Int64 = 86_400_000
    /// How many commands wait for the agent of one run.
    public var pendingCommands = 64
    /// After this time a command that nobody has carried out expires.
    public var commandMilliseconds: Int64 = 300_000
    /// How many cancels wait for an input that the session has never seen, and how long.
    public var awaitedInputs = 1_000
    public var awaitedInputMilliseconds: Int64 = 600_000
    /// How many inputs one run takes together.
    public var mergedInputs = 32
    /// How long a run goes on unwatched where the session cancels such runs.
    public var orphanMilliseconds: ClosedRange<Int64> = 1_000...604_800_000
    /// What a run says that it waits for.
    public var waitReason = 64

    public init() {}
}
