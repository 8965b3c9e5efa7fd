import Synchronization
public import ThroughlineCore

/// A store whose disk waits for the test: appends become durable when it says so, or fail when it says so.
public final class HeldStore: LogStore {
    private struct State {
        var waiting: [(append: LogAppend, completion: LogCompletion)] = []
        var isOpen = false
        /// Erasures that wait, if they have to.
        var erasures: [(stream: StreamID, completion: LogCompletion)]?
        var commitHandler: @Sendable () -> Void = {}
    }

    private let inner = InMemoryLogStore()
    private let state = Mutex(State())

    public init() {}

    public func onCommit(_ handler: @escaping @Sendable () -> Void) {
        state.withLock { $0.commitHandler = handler }
        inner.onCommit(handler)
    }

    public func append(_ append: LogAppend, completion: @escaping LogCompletion) {
        let isOpen = state.withLock { state in
            if !state.isOpen { state.waiting.append((append, completion)) }
            return state.isOpen
        }
        if isOpen { inner.append(append, completion: completion) }
    }

    /// How many appends wait for the disk.
    public var waiting: Int { state.withLock { $0.waiting.count } }

    /// Lets everything through from now on.
    public func open() {
        state.withLock { $0.isOpen = true }
        release()
    }

    /// Makes what waits durable, in order.
    public func release() {
        let waiting = take()
        for (append, completion) in waiting { inner.append(append, completion: completion) }
    }

    /// Fails the first append that waits, and lets those behind it find out.
    public func failFirst(_ error: StoreError) {
        var waiting = take()
        guard !waiting.isEmpty else { return }
        let first = waiting.removeFirst()
        first.completion(.failure(error))
        state.withLock { $0.commitHandler }()
        for (append, completion) in waiting { inner.append(append, completion: completion) }
    }

    private func take() -> [(append: LogAppend, completion: LogCompletion)] {
        state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
    }

    public func read(
        _ stream: StreamID, after: SequenceNumber, limit: ReadLimit
    ) throws(StoreError) -> [LogRecord] {
        try inner.read(stream, after: after, limit: limit)
    }

    public func status(of stream: StreamID) -> StreamStatus { inner.status(of: stream) }

    public func forEachStream(_ body: (StreamID, SequenceNumber, [UInt8]) -> Void) throws(StoreError) {
        try inner.forEachStream(body)
    }

    public func saveCheckpoint(_ checkpoint: Checkpoint, of stream: StreamID) {
        inner.saveCheckpoint(checkpoint, of: stream)
    }

    public var takesCheckpoints: Bool { inner.takesCheckpoints }

    public func checkpoint(of stream: StreamID) throws(StoreError) -> Checkpoint? { inner.checkpoint(of: stream) }

    public func erase(_ stream: StreamID, completion: @escaping LogCompletion) {
        let isHeld = state.withLock { state in
            state.erasures?.append((stream, completion))
            return state.erasures != nil
        }
        if !isHeld { inner.erase(stream, completion: completion) }
    }

    /// Lets erasures wait from now on.
    public func holdErasures() { state.withLock { $0.erasures = [] } }

    /// Does the erasures that wait.
    public func releaseErasures() {
        let erasures = state.withLock { state in
            defer { state.erasures = nil }
            return state.erasures ?? []
        }
        for (stream, completion) in erasures { inner.erase(stream, completion: completion) }
    }

    public func trim(_ stream: StreamID, upTo last: SequenceNumber) { inner.trim(stream, upTo: last) }

    public func thin(_ stream: StreamID, removing events: [SequenceNumber], completion: @escaping LogCompletion) {
        inner.thin(stream, removing: events, completion: completion)
    }

    public func thinnable(_ stream: StreamID) -> SequenceNumber { inner.thinnable(stream) }

    public func close() { inner.close() }
}
