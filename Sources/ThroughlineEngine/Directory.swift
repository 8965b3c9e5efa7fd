import Synchronization
import ThroughlineCore

/// Every session there is: what listings show of it, and the live one if it is in memory.
final class Directory: Sendable {
    typealias Waiter = @Sendable (Result<LiveSession, Refusal>) -> Void

    struct Entry {
        /// `nil` while its creation is not durable: nobody is shown it yet.
        var summary: SessionSummary?
        /// The last event, as of when it was last not in memory.
        var tail = SequenceNumber.zero
        var live: LiveSession?
        /// Who waits while it is being read from the store.
        var loading: [Waiter]?
    }

    enum Found {
        case live(LiveSession)
        case absent
        /// It is being read. `isFirst`: the caller has to do it.
        case loading(isFirst: Bool)
    }

    private let entries = Mutex<[SessionID: Entry]>([:])
    private let metrics: EngineMetrics

    init(metrics: EngineMetrics) { self.metrics = metrics }

    var count: Int { entries.withLock { $0.count } }

    func insert(_ id: SessionID, summary: SessionSummary, tail: SequenceNumber) {
        entries.withLock { $0[id] = Entry(summary: summary, tail: tail) }
    }

    func live(_ id: SessionID) -> LiveSession? { entries.withLock { $0[id]?.live } }

    /// When a session has something to do by itself, as its summary tells.
    func wakeUp(of id: SessionID) -> Timestamp? { entries.withLock { $0[id]?.summary?.wakeUp } }

    func find(_ id: SessionID, waiter: @escaping Waiter) -> Found {
        entries.withLock { entries in
            guard let entry = entries[id] else { return .absent }
            if let live = entry.live { return .live(live) }
            let isFirst = entry.loading == nil
            entries[id]?.loading = (entry.loading ?? []) + [waiter]
            return .loading(isFirst: isFirst)
        }
    }

    /// Puts a new session in, or returns the one that is there.
    func create(_ id: SessionID, _ make: () -> LiveSession) -> LiveSession? {
        entries.withLock { entries in
            guard entries[id] == nil else { return nil }
            let live = make()
            entries[id] = Entry(live: live)
            metrics.sessionsLoaded.increment()
            return live
        }
    }

    /// The reading is done: who waits gets the result.
    func loaded(_ id: SessionID, _ result: Result<LiveSession, Refusal>) -> [Waiter] {
        entries.withLock { entries in
            let waiters = entries[id]?.loading ?? []
            entries[id]?.loading = nil
            if case .success(let live) = result {
                entries[id]?.live = live
                metrics.sessionsLoaded.increment()
            }
            return waiters
        }
    }

    func update(_ id: SessionID, summary: SessionSummary) {
        entries.withLock { $0[id]?.summary = summary }
    }

    /// Forgets the live object; what was never durable is forgotten altogether.
    func release(_ live: LiveSession) {
        entries.withLock { entries in
            guard entries[live.id]?.live === live else { return }
            metrics.sessionsLoaded.increment(by: -1)
            guard entries[live.id]?.summary != nil else {
                entries[live.id] = nil
                return
            }
            entries[live.id]?.tail = live.tail
            entries[live.id]?.live = nil
        }
    }

    func remove(_ id: SessionID) {
        entries.withLock { entries in
            if entries.removeValue(forKey: id)?.live != nil { metrics.sessionsLoaded.increment(by: -1) }
        }
    }

    var allLive: [LiveSession] { entries.withLock { $0.values.compactMap(\.live) } }

    /// The sessions that are shown, with their tails.
    func listed(where matches: (SessionSummary) -> Bool) -> [(summary: SessionSummary, tail: SequenceNumber)] {
        entries.withLock { entries in
            entries.values.compactMap { entry in
                guard let summary = entry.summary, matches(summary) else { return nil }
                return (summary, entry.live?.tail ?? entry.tail)
            }
        }
    }
}
