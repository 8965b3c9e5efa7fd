import Logging
import NIOCore
import Synchronization
public import ThroughlineCore

/// Durable streams: the layer below sessions, on the same store.
///
/// Completions run on the caller's thread or on one of the store's.
public final class StreamEngine: Sendable {
    /// The streams by their paths. A deleted one is among them as long as forks read it.
    struct Shelf {
        var streams: [StreamPath: DurableStream] = [:]
        /// The ones that have a limited life.
        var mortal: [ObjectIdentifier: DurableStream] = [:]
        /// The ones of which not all is kept.
        var kept: [ObjectIdentifier: DurableStream] = [:]
        /// How many of them are being compacted, and which are looked at next.
        var compactions = 0
        var toCompact: [DurableStream] = []
        /// The ones with something in memory.
        var warm: [ObjectIdentifier: DurableStream] = [:]
        var subscriptions: [String: HeldSubscription] = [:]
        /// Who calls webhooks.
        var caller: (@Sendable (SubscriptionCall, @escaping @Sendable (CallOutcome) -> Void) -> Void)?
    }

    let store: any LogStore
    let environment: EngineEnvironment
    let configuration: EngineConfiguration
    let postman: Postman
    let pool: BlockingPool
    /// Where timers run.
    let timers: any EventLoop
    let metrics: EngineMetrics
    let logger: Logger
    let shelf = Mutex(Shelf())
    let pages: StreamPages
    private let lifecycle: Lifecycle
    private let loading = Mutex<[StreamID: (tail: UInt64, summary: StreamSummary)]>([:])
    private let loadingSubscriptions = Mutex<[StreamID]>([])

    init(
        store: any LogStore, configuration: EngineConfiguration, environment: EngineEnvironment, postman: Postman,
        pool: BlockingPool, timers: any EventLoop, metrics: EngineMetrics, lifecycle: Lifecycle, logger: Logger
    ) {
        self.store = store
        self.configuration = configuration
        self.environment = environment
        self.postman = postman
        self.pool = pool
        self.timers = timers
        self.metrics = metrics
        self.lifecycle = lifecycle
        self.logger = logger
        pages = StreamPages(maximumBytes: configuration.streamPageBytes)
    }

    func requireReady() throws(Refusal) { try lifecycle.requireReady() }

    func storeFailed(_ reason: String) { lifecycle.storeFailed(reason) }

    /// Takes in what the store says of a stream, while the server starts.
    func find(_ id: StreamID, tail: SequenceNumber, summary bytes: [UInt8]) {
        if id.rawValue.hasPrefix(Self.subscriptionPrefix) { return loadingSubscriptions.withLock { $0.append(id) } }
        guard let summary = StreamSummary(stored: bytes) else {
            return logger.error("a durable stream cannot be read", metadata: ["tl.stream.id": "\(id)"])
        }
        loading.withLock { $0[id] = (tail.rawValue, summary) }
    }

    /// All were found: forks are tied to their sources, and what a crash left of deletions is done.
    func start() {
        let found = loading.withLock { loading in
            defer { loading = [:] }
            return loading
        }
        var made: [StreamID: DurableStream] = [:]
        for id in found.keys { _ = make(id, of: found, into: &made) }
        for stream in made.values.sorted(by: { $0.created < $1.created }) { shelve(stream) }
        for stream in made.values { collect(stream) }
        let subscriptions = loadingSubscriptions.withLock { ids in
            defer { ids = [] }
            return ids
        }
        loadSubscriptions(subscriptions)
        if !made.isEmpty { logger.info("durable streams found", metadata: ["tl.streams": "\(made.count)"]) }
    }

    private func make(
        _ id: StreamID, of found: [StreamID: (tail: UInt64, summary: StreamSummary)],
        into made: inout [StreamID: DurableStream]
    ) -> DurableStream? {
        if let stream = made[id] { return stream }
        guard let (tail, summary) = found[id] else { return nil }
        // A source is older than its forks, so this ends.
        let source = summary.fork.flatMap { make($0.source, of: found, into: &made) }
        source?.state.withLock { $0.forks += 1 }
        let stream = DurableStream(
            id: id, summary: summary, source: source, phase: summary.isDeleted ? .deleted : .live, durable: tail,
            now: environment.monotonic())
        made[id] = stream
        return stream
    }

    /// Puts a stream that was found where it belongs. Of two at one path the older one had ended when the newer began.
    private func shelve(_ stream: DurableStream) {
        let (path, isDeleted, forks, isMortal) = stream.state.withLock {
            ($0.summary.path, $0.phase == .deleted, $0.forks, $0.summary.settings.lifetime != .unlimited)
        }
        if isDeleted, forks == 0 { return }
        let summary = stream.state.withLock { $0.summary }
        if !summary.settings.isKeptWhole {
            if !isDeleted { shelf.withLock { $0.kept[ObjectIdentifier(stream)] = stream } }
            free(stream, summary)
        }
        let older = shelf.withLock { shelf in
            defer { shelf.streams[path] = stream }
            if isMortal, !isDeleted { shelf.mortal[ObjectIdentifier(stream)] = stream }
            return shelf.streams[path]
        }
        if let older, !older.isDeleted { expire(older) }
    }

}

extension DurableStream {
    fileprivate var created: Timestamp { state.withLock { $0.summary.created } }
    fileprivate var isDeleted: Bool { state.withLock { $0.phase == .deleted } }
}

// MARK: - Finding

extension StreamEngine {
    /// What is at a path.
    enum Found {
        case absent
        case live(DurableStream)
        /// Deleted, and kept for its forks.
        case deleted
        /// It is being made or deleted: wait for the end of that, and look again.
        case settling(DurableStream)
    }

    func look(_ path: StreamPath) -> Found {
        guard let stream = shelf.withLock({ $0.streams[path] }) else { return .absent }
        let (found, isOver): (Found, Bool) = stream.state.withLock { state in
            switch state.phase {
            case .creating, .deleting: return (.settling(stream), false)
            case .deleted: return (state.forks > 0 ? .deleted : .absent, false)
            case .gone: return (.absent, false)
            case .live: break
            }
            // Most live for ever, and need no look at the clock.
            guard state.summary.settings.lifetime != .unlimited, state.isExpired(environment.time) else {
                return (.live(stream), false)
            }
            return (state.forks > 0 ? .deleted : .absent, true)
        }
        if isOver { expire(stream) }
        return found
    }

    /// Finds a stream that can be used, when what is under way with it is over.
    public func find(_ path: StreamPath, then completion: @escaping @Sendable (Result<DurableStream, Refusal>) -> Void)
    {
        do throws(Refusal) {
            try requireReady()
        } catch { return completion(.failure(error)) }
        switch look(path) {
        case .live(let stream): completion(.success(stream))
        case .absent: completion(.failure(Self.absent(path)))
        case .deleted: completion(.failure(Self.deleted(path)))
        case .settling(let stream): whenSettled(stream) { [self] in find(path, then: completion) }
        }
    }

    /// Runs something when a stream is neither being made nor deleted.
    func whenSettled(_ stream: DurableStream, _ body: @escaping @Sendable () -> Void) {
        let isSettled = stream.state.withLock { state in
            guard state.phase == .creating || state.phase == .deleting else { return true }
            state.settling.append(body)
            return false
        }
        if isSettled { body() }
    }

    static func absent(_ path: StreamPath) -> Refusal {
        Refusal(.streamNotFound, "There is no stream \(path). Create it with PUT /v1/stream/\(path).")
    }

    static func deleted(_ path: StreamPath) -> Refusal {
        Refusal(.streamDeleted, "The stream \(path) was deleted. Only its forks can still be read.")
    }

    public static func isGone(before earliest: StreamOffset) -> Refusal {
        Refusal(.offsetGone, "What was there has been let go: the stream begins at \(earliest).")
    }
}
