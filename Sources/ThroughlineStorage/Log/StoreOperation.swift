import ThroughlineCore

/// What waits for the writer. Indirect: it is copied several times on its way, and each copy is then one reference.
indirect enum StoreOperation: Sendable {
    case append(LogAppend, LogCompletion)
    case erase(StreamID, LogCompletion)
    /// An erasure that the mover has finished, or given up: only its completion is left to run.
    case finished(StreamID, LogCompletion, Result<Void, StoreError>)

    var stream: StreamID {
        switch self {
        case .append(let append, _): append.stream
        case .erase(let stream, _), .finished(let stream, _, _): stream
        }
    }

    func complete(_ result: Result<Void, StoreError>) {
        switch self {
        case .append(_, let completion), .erase(_, let completion): completion(result)
        case .finished(_, let completion, let result): completion(result)
        }
    }
}

/// The queue between the callers and the writer.
final class OperationQueue: Sendable {
    fileprivate struct State {
        var operations: [StoreOperation] = []
        var isClosing = false
        var isWriterWaiting = false
        /// Erasures that are durable and not finished: the writer waits for them before it ends.
        var erasures = 0
    }

    private let monitor = Monitor(State())

    /// Adds an operation; false when the store is closing.
    func add(_ operation: StoreOperation) -> Bool {
        let (isAdded, mustWake) = monitor.withLock { state in
            if state.isClosing { return (false, false) }
            state.operations.append(operation)
            return (true, state.takeWaiting())
        }
        if mustWake { monitor.wake() }
        return isAdded
    }

    /// Adds the end of an erasure, which is allowed while closing.
    func finish(_ operation: StoreOperation) {
        monitor.change { state in
            state.operations.append(operation)
            state.isWriterWaiting = false
            state.erasures -= 1
        }
    }

    func willErase() { monitor.withLock { $0.erasures += 1 } }

    /// False when it was closed already.
    func close() -> Bool {
        monitor.change { state in
            defer { state.isClosing = true }
            return !state.isClosing
        }
    }

    /// Waits for operations and swaps them with an empty array. False when there will be no more.
    func take(_ batch: inout [StoreOperation]) -> Bool {
        monitor.wait { $0.take(&batch) }
    }

    /// The same without waiting: false when there is nothing now.
    func takeNow(_ batch: inout [StoreOperation]) -> Bool {
        monitor.withLock { $0.take(&batch) } ?? false
    }
}

extension OperationQueue.State {
    /// `nil`: nothing yet. False: there will be no more.
    fileprivate mutating func take(_ batch: inout [StoreOperation]) -> Bool? {
        if operations.isEmpty {
            if isClosing, erasures == 0 { return false }
            isWriterWaiting = true
            return nil
        }
        isWriterWaiting = false
        swap(&operations, &batch)
        return true
    }

    fileprivate mutating func takeWaiting() -> Bool {
        defer { isWriterWaiting = false }
        return isWriterWaiting
    }
}
