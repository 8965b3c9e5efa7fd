import DequeModule
import Synchronization
public import ThroughlineCore

/// One durable stream: what is known of it at all times and, while somebody writes to it or follows it, what is in memory.
///
/// It is there for as long as the stream, some 400 bytes each, so that no stream has to be loaded to be read or listed.
public final class DurableStream: Sendable {
    /// Between a request and its durability nobody is told anything: who comes then waits.
    enum Phase: Sendable {
        case creating, live, deleting
        /// Deleted, but read by forks: its path cannot be used.
        case deleted
        /// There is no such stream any more.
        case gone
    }

    struct State {
        var phase: Phase
        var summary: StreamSummary
        /// Its own messages that are durable.
        var durable: UInt64
        /// When it was last read or written to, in milliseconds of the monotonic clock.
        var touched: Int64
        var forks = 0
        /// While it is deleted since its time is over: its path can be used already.
        var isReplaceable = false
        /// Who waits for the end of `creating` or `deleting`.
        var settling: [@Sendable () -> Void] = []
        var hot: HotStream?
        /// The subscriptions that want to hear of its messages.
        var watchers: [HeldSubscription] = []
        /// `nil` where all is kept.
        var keeping: StreamKeeping?
    }

    let id: StreamID
    /// Where it was forked from; `nil` also where the source cannot be read any more.
    let source: DurableStream?
    /// How many messages it has from its source.
    let base: UInt64
    /// How many sources are behind one another.
    let depth: Int
    let state: Mutex<State>

    init(id: StreamID, summary: StreamSummary, source: DurableStream?, phase: Phase, durable: UInt64, now: Int64) {
        self.id = id
        self.source = source
        base = summary.fork?.base ?? 0
        depth = source.map { $0.depth + 1 } ?? 0
        state = Mutex(
            State(
                phase: phase, summary: summary, durable: durable, touched: now,
                keeping: summary.settings.isKeptWhole ? nil : StreamKeeping()))
    }

    /// What it is, as far as that is durable.
    public var status: StreamStanding {
        var standing = state.withLock {
            StreamStanding(summary: $0.summary, tail: StreamOffset(base + $0.durable), id: id)
        }
        standing.earliest = earliest
        return standing
    }

    /// Where the messages begin that can still be read. What a fork has from its source goes with the source's, and with the first
    /// of its own.
    var earliest: StreamOffset {
        let own = state.withLock { $0.summary.trim?.first ?? 0 }
        if own > 0 { return StreamOffset(base + own) }
        guard base > 0, let source else { return .start }
        return min(StreamOffset(base), source.earliest)
    }

    var path: StreamPath { state.withLock { $0.summary.path } }
    public var form: StreamForm { state.withLock { $0.summary.settings.form } }
}

/// How a stream stands.
public struct StreamStanding: Sendable {
    public var summary: StreamSummary
    /// The offset before the first message that is still there.
    public var earliest = StreamOffset.start
    public var tail: StreamOffset
    /// Tells one stream from a later one at the same path.
    public var id: StreamID

    public var isClosed: Bool { summary.closing != nil }

    /// The offset before the last so many messages, as far as they are there.
    public func last(_ count: UInt64) -> StreamOffset {
        max(earliest, StreamOffset(tail.position - min(count, tail.position)))
    }

    init(summary: StreamSummary, tail: StreamOffset, id: StreamID) {
        self.summary = summary
        self.tail = tail
        self.id = id
    }
}

/// What of a stream is in memory only while it is used. Touched under the lock of its stream.
final class HotStream {
    typealias Waiter = @Sendable (Refusal?) -> Void

    /// `nil` until somebody writes: following a stream takes no knowledge of its writers.
    var machine: StreamMachine?
    /// Who waits for it to be read from the store; `nil` where nobody reads it.
    var loading: [@Sendable () -> Void]?
    /// The newest messages, numbered as the stream's own.
    var window: EventWindow
    /// Appends handed to the store, and those of them that came back.
    var decidedTicket: UInt64 = 0
    var durableTicket: UInt64 = 0
    var waiters: Deque<(ticket: UInt64, waiter: Waiter)> = []
    var readers = ReaderGroups<StreamReader>()
    var slice: StreamSlice?
    /// Bytes stored since the last checkpoint.
    var uncheckedBytes = 0

    init(machine: StreamMachine? = nil, after durable: UInt64) {
        self.machine = machine
        window = EventWindow(after: SequenceNumber(durable))
    }

    var isIdle: Bool {
        loading == nil && waiters.isEmpty && readers.isEmpty && durableTicket == decidedTicket
    }
}

extension DurableStream.State {
    mutating func warm() -> (hot: HotStream, isNew: Bool) {
        if let hot { return (hot, false) }
        let hot = HotStream(after: durable)
        self.hot = hot
        return (hot, true)
    }

    /// Whether its time is over.
    func isExpired(_ now: EngineTime) -> Bool {
        switch summary.settings.lifetime {
        case .unlimited: false
        case .until(let end): now.wall >= end
        case .idle(let seconds):
            hot?.readers.isEmpty ?? true && now.monotonic - touched >= Int64(clamping: seconds) &* 1_000
        }
    }

    /// Ends `creating` or `deleting`. Who waited has to be called without the lock.
    mutating func settle(_ phase: DurableStream.Phase) -> [@Sendable () -> Void] {
        self.phase = phase
        defer { settling = [] }
        return settling
    }
}
