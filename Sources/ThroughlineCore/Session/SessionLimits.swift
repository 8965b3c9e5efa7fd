/// How large things in a session may become. Sizes are in bytes of UTF-8.
public struct SessionLimits: Sendable {
    public var title = 512
    public var metadata = 16 << 10
    public var inputParts = 32
    public var inputText = 256 << 10
    public var queuedInputs = 1_000
    public var activeRuns = 256
    public var eventsPerWrite = 1_000
    public var partText = 8 << 20
    /// The text of one append that a client sends.
    public var appendText = 256 << 10
    public var partsPerMessage = 1_000
    public var openMessagesPerRun = 64
    public var label = 512
    public var usage = 4 << 10
    /// Names, addresses and titles of parts, each.
    public var attribute = 8 << 10
    public var leaseMilliseconds: ClosedRange<Int64> = 1_000...600_000
    public var defaultLeaseMilliseconds: Int64 = 30_000
    /// How many ended runs of a session are remembered by the work id that started them.
    public var rememberedWork = 32
    public var listedParticipants = 32

    public init() {}
}
