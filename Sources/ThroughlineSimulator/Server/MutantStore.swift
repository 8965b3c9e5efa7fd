import ThroughlineCore
import ThroughlineStorage

/// A store in which something is wrong, around one in which all is well.
///
/// `@unchecked Sendable` is true because a simulation runs on one thread.
final class MutantStore: LogStore, @unchecked Sendable {
    private let inner: EmbeddedLogStore
    private let mutation: Mutation
    private var acknowledgements: [LogCompletion] = []
    private var handler: @Sendable () -> Void = {}

    init(_ inner: EmbeddedLogStore, _ mutation: Mutation) {
        self.inner = inner
        self.mutation = mutation
    }

    func append(_ append: LogAppend, completion: @escaping LogCompletion) {
        switch mutation {
        case .earlyAcknowledgement:
            acknowledgements.append(completion)
            inner.append(append) { _ in }
        case .lostNotes:
            var append = append
            for index in append.records.indices where append.records[index].kind == .event {
                append.records[index].note = []
            }
            inner.append(append, completion: completion)
        case .lostAtHandOn:
            var append = append
            for index in append.records.indices { append.records[index].payload.forgetInputsOfLaterEpoch() }
            inner.append(append, completion: completion)
        default: inner.append(append, completion: completion)
        }
    }

    /// Acknowledges what the disk has not seen yet.
    func step() -> Bool {
        guard !acknowledgements.isEmpty else { return false }
        let completions = acknowledgements
        acknowledgements = []
        for completion in completions { completion(.success(())) }
        handler()
        return true
    }

    func onCommit(_ handler: @escaping @Sendable () -> Void) {
        self.handler = handler
        inner.onCommit(handler)
    }

    func read(_ stream: StreamID, after: SequenceNumber, limit: ReadLimit) throws(StoreError) -> [LogRecord] {
        try inner.read(stream, after: after, limit: limit)
    }

    func status(of stream: StreamID) -> StreamStatus { inner.status(of: stream) }

    func forEachStream(_ body: (StreamID, SequenceNumber, [UInt8]) -> Void) throws(StoreError) {
        try inner.forEachStream(body)
    }

    func saveCheckpoint(_ checkpoint: Checkpoint, of stream: StreamID) { inner.saveCheckpoint(checkpoint, of: stream) }

    var takesCheckpoints: Bool { inner.takesCheckpoints }

    func checkpoint(of stream: StreamID) throws(StoreError) -> Checkpoint? { try inner.checkpoint(of: stream) }

    func erase(_ stream: StreamID, completion: @escaping LogCompletion) { inner.erase(stream, completion: completion) }

    func trim(_ stream: StreamID, upTo last: SequenceNumber) { inner.trim(stream, upTo: last) }

    func thin(_ stream: StreamID, removing events: [SequenceNumber], completion: @escaping LogCompletion) {
        inner.thin(stream, removing: events, completion: completion)
    }

    func thinnable(_ stream: StreamID) -> SequenceNumber { inner.thinnable(stream) }

    func close() { inner.close() }
}

extension [UInt8] {
    /// Turns the `run.started` of a run that is begun again into one without inputs.
    fileprivate mutating func forgetInputsOfLaterEpoch() {
        let isStart = firstRange(of: Array("\"type\":\"run.started\"".utf8)) != nil
        guard isStart, firstRange(of: Array("\"epoch\":1,".utf8)) == nil,
            let list = firstRange(of: Array("\"inputs\":[".utf8)),
            let end = self[list.upperBound...].firstIndex(of: UInt8(ascii: "]"))
        else { return }
        removeSubrange(list.upperBound..<end)
    }
}
