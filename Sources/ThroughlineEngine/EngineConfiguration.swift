public import NIOCore
public import ThroughlineCore

/// The engine's limits and times.
public struct EngineConfiguration: Sendable {
    public var session = SessionLimits()
    /// Bytes of recent events that a loaded session keeps in memory.
    public var windowBytes = 256 << 10
    /// Bytes of events in one step of a reader. A single larger event makes a larger step.
    public var sliceBytes = 48 << 10
    /// A step of more events than this gets its appends merged: its reader lags.
    public var mergeAbove = 32
    /// A session that nobody has touched for so long leaves memory.
    public var idleMilliseconds: Int64 = 120_000
    /// How often leases are looked at.
    public var tick = TimeAmount.milliseconds(200)
    /// How often it is looked for what nobody uses any more, or what is over.
    public var tidyTick = TimeAmount.seconds(5)
    /// How often it is looked at who is there.
    public var presenceTick = TimeAmount.milliseconds(250)
    /// Threads that read from the store.
    public var readerThreads = 4
    public var maximumWorkWaiters = 10_000
    /// Bytes of recent messages that a durable stream in use keeps in memory.
    public var streamWindowBytes = 64 << 10
    /// Bytes of pages of durable streams that were read from the store of late, all together.
    public var streamPageBytes = 32 << 20
    /// A stream is compacted when so many messages have come at least.
    public var streamCompactionMessages: UInt64 = 64
    /// After so many bytes what a durable stream's writers have done is written down, so that it need not be read again.
    public var streamCheckpointBytes = 8 << 20
    /// Forks of forks go so deep.
    public var maximumForkDepth = 64
    /// How large a session may be that is copied in one commit, in bytes.
    public var forkBytes = 12 << 20

    public init() {}
}

/// Where the engine gets time and chance from.
public struct EngineEnvironment: Sendable {
    public typealias Executor = @Sendable (@escaping @Sendable () -> Void) -> Void

    public var now: @Sendable () -> Timestamp
    /// Milliseconds that never go back, from an arbitrary start.
    public var monotonic: @Sendable () -> Int64
    /// So many random bytes, fit for secrets.
    public var randomBytes: @Sendable (Int) -> [UInt8]
    /// Runs what reads from the store, in order, and not before it returns. `nil`: threads of the engine's own do.
    public var storeReads: Executor?

    public init(
        now: @escaping @Sendable () -> Timestamp, monotonic: @escaping @Sendable () -> Int64,
        randomBytes: @escaping @Sendable (Int) -> [UInt8]
    ) {
        self.now = now
        self.monotonic = monotonic
        self.randomBytes = randomBytes
    }
}

/// One moment on both clocks.
struct EngineTime {
    var wall: Timestamp
    /// Milliseconds.
    var monotonic: Int64

    /// When the wall clock will show a time, unless somebody sets it.
    func monotonic(of time: Timestamp) -> Int64 { monotonic + max(0, time.rawValue - wall.rawValue) }
}

extension EngineEnvironment {
    var time: EngineTime { EngineTime(wall: now(), monotonic: monotonic()) }
}
