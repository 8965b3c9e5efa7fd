public import Logging
public import ServiceLifecycle
import Synchronization
import ThroughlineCore
public import ThroughlineEngine

/// Owns the calls of the upstream that belong to sessions: they outlive their callers and end with the server.
///
/// It has to stop before the engine does, since it ends its runs; so it stands behind the engine in a service group.
public final class GatewayService: Service {
    let engine: Engine
    /// `nil` where no upstream is configured.
    let client: UpstreamClient?
    private let logger: Logger
    private let jobs: AsyncStream<UpstreamRelay>
    private let queue: AsyncStream<UpstreamRelay>.Continuation
    private let state = Mutex(State())

    private struct State {
        var places = 0
        var runs: Set<RunID> = []
        var isStopping = false
    }

    public init(engine: Engine, upstream: UpstreamConfiguration?, logger: Logger) {
        self.engine = engine
        self.logger = logger
        client = upstream.map(UpstreamClient.init)
        (jobs, queue) = AsyncStream.makeStream()
    }

    /// Calls the upstream for the runs that are begun, until the server stops.
    public func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            await withDiscardingTaskGroup { group in
                for await relay in jobs { group.addTask { [self] in await work(on: relay) } }
            }
        }
        state.withLock { $0.isStopping = true }
        await client?.shutdown()
    }

    private func work(on relay: UpstreamRelay) async {
        await RunHolder(engine: engine, handle: relay.handle, logger: logger).hold { try await relay.run() }
        release(relay.handle.run)
    }

    /// Makes sure that a run can be served, before it is begun. Every call is followed by one of `start` or `release`.
    func reserve() throws(Refusal) {
        let limit = client?.configuration.maximumRuns ?? 0
        try state.withLock { (state) throws(Refusal) in
            guard !state.isStopping else { throw Refusal(.stopping, "The server is stopping. Try again in a moment.") }
            guard state.places < limit else {
                throw Refusal(.tooMany, "\(limit) answers are coming in already. Try again later.")
            }
            state.places += 1
        }
    }

    func release(_ run: RunID? = nil) {
        state.withLock { state in
            state.places -= 1
            if let run { state.runs.remove(run) }
        }
    }

    /// Whether the answer of this run is coming in.
    func isServing(_ run: RunID) -> Bool { state.withLock { $0.runs.contains(run) } }

    func start(_ relay: UpstreamRelay) async {
        _ = state.withLock { $0.runs.insert(relay.handle.run) }
        if case .terminated = queue.yield(relay) {
            try? await engine.end(relay.handle, reason: .failed, usage: nil, error: .stopping)
            release(relay.handle.run)
        }
    }
}
