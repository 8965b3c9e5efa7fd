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
        /// Somebody has taken a batch and has not said that it is done.
        var isCommitting = false
        /// What the last commit says of the next: that it will be small and not hold up an event loop.
        var isSmall = false
        /// Erasures that are durable and not finished: the writer waits for them before it ends.
        var erasures = 0
    }

    private let monitor = Monitor(State())

    /// Adds an operation; false when the store is closing.
    ///
    /// - Parameter isDeferred: The caller sees to the commit when it has added all that it has, with ``takeAlone(_:)``.
    func add(_ operation: StoreOperation, isDeferred: Bool = false) -> Bool {
        let (isAdded, mustWake) = monitor.withLock { state in
            if state.isClosing { return (false, false) }
            state.operations.append(operation)
            return (true, !isDeferred && state.takeWaiting())
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

    /// Takes the few operations that an event loop has added, if they can be committed by itself at once: nobody else commits,
    /// it will be quick, and as few came together the last time. Otherwise sees to it that the writer does.
    func takeAlone(_ batch: inout [StoreOperation]) -> Bool {
        let (isTaken, mustWake) = monitor.withLock { state in
            guard !state.operations.isEmpty else { return (false, false) }
            guard state.isSmall, !state.isCommitting, !state.isClosing, state.operations.count <= Self.fewOperations
            else { return (false, state.takeWaiting()) }
            state.isCommitting = true
            swap(&state.operations, &batch)
            return (true, false)
        }
        if mustWake { monitor.wake() }
        return isTaken
    }

    /// More than this many make it worth while to let the writer commit and the loop go on.
    private static let fewOperations = 4

    /// What was taken is committed, so many operations.
    func done(_ count: Int, isQuick: Bool) {
        let mustWake = monitor.withLock { state in
            state.isCommitting = false
            state.isSmall = isQuick && count <= Self.fewOperations
            return !state.operations.isEmpty && state.takeWaiting()
        }
        if mustWake { monitor.wake() }
    }
}

extension OperationQueue.State {
    /// `nil`: nothing yet. False: there will be no more.
    fileprivate mutating func take(_ batch: inout [StoreOperation]) -> Bool? {
        if operations.isEmpty || isCommitting {
            if isClosing, erasures == 0, !isCommitting { return false }
            isWriterWaiting = true
            return nil
        }
        isWriterWaiting = false
        isCommitting = true
        swap(&operations, &batch)
        return true
    }

    fileprivate mutating func takeWaiting() -> Bool {
        defer { isWriterWaiting = false }
        return isWriterWaiting
    }
}
