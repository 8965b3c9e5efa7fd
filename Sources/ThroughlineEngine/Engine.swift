public import Logging
public import NIOCore
import Synchronization
public import ThroughlineCore

/// The shell around the session machines: live sessions, readers, leases, work.
///
/// All methods may be called from any thread. Completions run on the caller's thread or on one of the store's; a transport
/// brings them to its loop with ``deliver(to:_:)``.
public final class Engine: Sendable {
    public let configuration: EngineConfiguration
    public let metrics = EngineMetrics()
    let store: any LogStore
    let environment: EngineEnvironment
    let logger: Logger
    let postman = Postman()
    let pool: BlockingPool
    let directory: Directory
    let desk: WorkDesk
    let presence = PresenceDesk()
    let alarms = Alarms()
    let ticks = CommitTicks()
    /// The durable streams, on the same store.
    public let streams: StreamEngine
    /// Where timers run.
    let timers: any EventLoop
    /// No checkpoint of a loaded session before this time, in milliseconds of the monotonic clock.
    let nextCheckpoint = Atomic<Int64>(.min)
    private let lifecycle: Lifecycle
    private let repeated = Mutex<[RepeatedTask]>([])

    public init(
        store: any LogStore, timers: any EventLoop, configuration: EngineConfiguration = EngineConfiguration(),
        environment: EngineEnvironment = .system, logger: Logger
    ) {
        self.store = store
        self.timers = timers
        self.configuration = configuration
        self.environment = environment
        self.logger = logger
        pool = BlockingPool(threads: configuration.readerThreads, executor: environment.storeReads)
        directory = Directory(metrics: metrics)
        desk = WorkDesk(maximumWaiters: configuration.maximumWorkWaiters)
        lifecycle = Lifecycle(logger: logger)
        streams = StreamEngine(
            store: store, configuration: configuration, environment: environment, postman: postman, pool: pool,
            timers: timers, metrics: metrics, lifecycle: lifecycle, logger: logger)
        store.onCommit { [postman] in postman.flush() }
    }

    /// Reads what the store holds and starts the timers. Blocks while it reads. Leases of runs begin anew, in full.
    public func start() throws(StoreError) {
        var withRuns: [SessionID] = []
        try store.forEachStream { stream, tail, bytes in
            if stream.isDurableStream || stream.rawValue.hasPrefix(StreamEngine.subscriptionPrefix) {
                return streams.find(stream, tail: tail, summary: bytes)
            }
            guard let id = stream.session, let summary = SessionSummary(stored: bytes) else { return }
            directory.insert(id, summary: summary, tail: tail)
            desk.update(id, claimable: summary.claimable, works: summary.works)
            if let wakeUp = summary.wakeUp { alarms.set(for: id, at: environment.time.monotonic(of: wakeUp)) }
            if summary.activeRuns > 0 || summary.untoldRuns > 0 || summary.queuedRuns > 0 { withRuns.append(id) }
        }
        streams.start()
        lifecycle.enter(.ready)
        for id in withRuns { watch(id) }
        startTimers()
        logger.info(
            "sessions found",
            metadata: ["tl.sessions": "\(directory.count)", "tl.sessions.running": "\(withRuns.count)"])
    }

    public var isReady: Bool { lifecycle.isReady }

    /// From now on operations are refused with `stopping`; what was decided still becomes durable.
    public func stopTaking() {
        lifecycle.enter(.stopping)
        repeated.withLock { tasks in
            for task in tasks { task.cancel() }
            tasks = []
        }
    }

    /// Sets what happens when the disk failed in a way after which nothing is known: the server has to stop.
    public func onStoreFailure(_ handler: @escaping @Sendable (String) -> Void) {
        lifecycle.onStoreFailure(handler)
    }

    func storeFailed(_ reason: String) { lifecycle.storeFailed(reason) }

    /// Brings work to a mailbox's loop: at once if this is that loop, otherwise with the others of this commit.
    public func deliver(to mailbox: Mailbox, _ work: @escaping @Sendable () -> Void) {
        postman.deliver(to: mailbox, work)
    }

    /// A legal identifier that nobody can guess.
    public func randomID(_ prefix: String) -> String {
        let alphabet = Array("abcdefghijkmnpqrstuvwxyz23456789".utf8)
        let bytes = environment.randomBytes(16).map { alphabet[Int($0) % alphabet.count] }
        return prefix + String(decoding: bytes, as: UTF8.self)
    }

    public var now: Timestamp { environment.now() }

    /// Does something later, on a thread of the engine's timers.
    public func schedule(in time: TimeAmount, _ body: @escaping @Sendable () -> Void) -> Scheduled<Void> {
        timers.scheduleTask(in: time, body)
    }

    func requireReady() throws(Refusal) { try lifecycle.requireReady() }

    private func startTimers() {
        let tick = configuration.tick
        let leases = timers.scheduleRepeatedTask(initialDelay: tick, delay: tick) { [weak self] _ in self?.checkAlarms()
        }
        let rest = configuration.tidyTick
        let idle = timers.scheduleRepeatedTask(initialDelay: rest, delay: rest) { [weak self] _ in self?.tidy() }
        let pace = configuration.presenceTick
        let presence = timers.scheduleRepeatedTask(initialDelay: pace, delay: pace) { [weak self] _ in
            self?.tellPresence()
        }
        repeated.withLock { $0 = [leases, idle, presence] }
    }
}
