import Dispatch
import Synchronization

/// The model of all stores: the contract of ``LogStore`` in memory, with nothing that could break it.
///
/// Appends are durable when their turn comes on the store's own queue, each a commit of its own. A process that ends takes
/// it all with it.
public final class InMemoryLogStore: LogStore {
    fileprivate struct Stream {
        var tail = SequenceNumber.zero
        var records: [LogRecord] = []
        var summary: [UInt8] = []
        var checkpoint: Checkpoint?
    }

    fileprivate struct State {
        var streams: [StreamID: Stream] = [:]
        var erased: Set<StreamID> = []
        var isClosed = false
        var commitHandler: @Sendable () -> Void = {}
    }

    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "throughline.store.memory")

    public init() {}

    public func onCommit(_ handler: @escaping @Sendable () -> Void) {
        state.withLock { $0.commitHandler = handler }
    }

    public func append(_ append: LogAppend, completion: @escaping LogCompletion) {
        queue.async { [self] in
            finish(completion, with: state.withLock { $0.append(append) })
        }
    }

    public func read(
        _ stream: StreamID, after: SequenceNumber, limit: ReadLimit
    ) throws(StoreError) -> [LogRecord] {
        let result: Result<[LogRecord], StoreError> = state.withLock { state in
            if state.isClosed { return .failure(.closed) }
            if state.erased.contains(stream) { return .failure(.erased) }
            guard let records = state.streams[stream]?.records else { return .success([]) }
            return .success(records.page(after: after, limit: limit))
        }
        return try result.get()
    }

    public func status(of stream: StreamID) -> StreamStatus {
        state.withLock { state in
            if state.erased.contains(stream) { return .erased }
            return state.streams[stream].map { .live(tail: $0.tail) } ?? .absent
        }
    }

    public func forEachStream(_ body: (StreamID, SequenceNumber, [UInt8]) -> Void) throws(StoreError) {
        for (id, stream) in state.withLock({ $0.streams }) { body(id, stream.tail, stream.summary) }
    }

    public func saveCheckpoint(_ checkpoint: Checkpoint, of stream: StreamID) {
        state.withLock { state in
            guard let tail = state.streams[stream]?.tail, checkpoint.sequence <= tail else { return }
            state.streams[stream]?.checkpoint = checkpoint
        }
    }

    public var takesCheckpoints: Bool { true }

    public func checkpoint(of stream: StreamID) -> Checkpoint? { state.withLock { $0.streams[stream]?.checkpoint } }

    public func erase(_ stream: StreamID, completion: @escaping LogCompletion) {
        queue.async { [self] in
            finish(completion, with: state.withLock { $0.erase(stream) })
        }
    }

    public func trim(_ stream: StreamID, upTo last: SequenceNumber) {
        state.withLock { state in
            state.streams[stream]?.records.removeAll { $0.sequence < last || $0.sequence == last && $0.kind == .event }
        }
    }

    public func thin(_ stream: StreamID, removing events: [SequenceNumber], completion: @escaping LogCompletion) {
        queue.async { [self] in
            let gone = Set(events)
            state.withLock { state in
                state.streams[stream]?.records.removeAll { $0.kind == .event && gone.contains($0.sequence) }
            }
            finish(completion, with: .success(()))
        }
    }

    public func thinnable(_ stream: StreamID) -> SequenceNumber {
        state.withLock { $0.streams[stream]?.tail ?? .zero }
    }

    public func close() {
        queue.sync { state.withLock { $0.isClosed = true } }
    }

    private func finish(_ completion: LogCompletion, with result: Result<Void, StoreError>) {
        completion(result)
        state.withLock { $0.commitHandler }()
    }
}

extension InMemoryLogStore.State {
    fileprivate mutating func append(_ append: LogAppend) -> Result<Void, StoreError> {
        if isClosed { return .failure(.closed) }
        if erased.contains(append.stream) { return .failure(.erased) }
        if append.byteCount > LogAppend.maximumBytes { return .failure(.tooLarge) }
        let tail = streams[append.stream]?.tail ?? .zero
        guard tail == append.expecting else { return .failure(.conflict(tail: tail)) }
        streams[append.stream, default: .init()].records.append(contentsOf: append.records)
        streams[append.stream]?.tail = append.tail
        if let summary = append.summary { streams[append.stream]?.summary = summary }
        return .success(())
    }

    fileprivate mutating func erase(_ stream: StreamID) -> Result<Void, StoreError> {
        if isClosed { return .failure(.closed) }
        streams[stream] = nil
        erased.insert(stream)
        return .success(())
    }
}

extension [LogRecord] {
    /// The records after a sequence number within a limit, at least one if there is one, the last event with all its notes.
    /// The array is in order.
    public func page(after: SequenceNumber, limit: ReadLimit) -> [LogRecord] {
        var low = startIndex
        var high = endIndex
        while low < high {
            let middle = (low + high) / 2
            if self[middle].sequence <= after { low = middle + 1 } else { high = middle }
        }
        var bytes = 0
        var end = low
        while end < endIndex {
            bytes += self[end].payload.count + self[end].note.count
            let isBeyond = bytes > limit.bytes || end - low >= limit.records
            if isBeyond, end > low, self[end].kind == .event { break }
            end += 1
        }
        return Array(self[low..<end])
    }
}
