import Logging
import Synchronization
public import ThroughlineCore

extension StreamEngine {
    public typealias DeleteCompletion = @Sendable (Result<Void, Refusal>) -> Void

    /// Deletes a stream. From the completion on it is gone for good, though its bytes leave the disk a little later, and stay
    /// for as long as forks read them.
    public func delete(_ path: StreamPath, then completion: @escaping DeleteCompletion) {
        find(path) { [self] result in
            switch result {
            case .failure(let refusal): completion(.failure(refusal))
            case .success(let stream):
                delete(stream, isExpired: false) { [self] result in
                    if let result { completion(result) } else { delete(path, then: completion) }
                }
            }
        }
    }

    /// Ends a stream whose time is over.
    func expire(_ stream: DurableStream) { delete(stream, isExpired: true) { _ in } }

    /// - Parameter completion: Is given `nil` where somebody else was faster.
    private func delete(
        _ stream: DurableStream, isExpired: Bool, then completion: @escaping @Sendable (Result<Void, Refusal>?) -> Void
    ) {
        let summary: StreamSummary? = stream.state.withLock { state in
            guard state.phase == .live else { return nil }
            // What was decided before goes into the log before.
            state.phase = .deleting
            state.isReplaceable = isExpired && state.forks == 0
            var summary = state.summary
            if let hot = state.hot?.machine {
                summary.closing = hot.summary.closing
                summary.trim = hot.summary.trim
            }
            summary.isDeleted = true
            return summary
        }
        guard let summary else { return completion(nil) }
        if isExpired { metrics.streamsExpired.increment() }
        mark(stream, summary, then: completion)
    }

    /// Writes down that it is deleted, behind all that was decided before.
    private func mark(
        _ stream: DurableStream, _ summary: StreamSummary,
        then completion: @escaping @Sendable (Result<Void, Refusal>?) -> Void
    ) {
        let count = stream.state.withLock { $0.hot?.machine?.count ?? $0.durable }
        let note = LogRecord(
            kind: .note, sequence: SequenceNumber(count), at: environment.now(), payload: [])
        let append = LogAppend(
            stream: stream.id, expecting: SequenceNumber(count), records: [note], summary: summary.encoded)
        store.append(append) { [self] result in
            postman.beginCommit()
            switch result {
            case .success:
                let (settled, groups) = leave(stream)
                let watchers = stream.state.withLock { $0.watchers }
                // Before the answer: who has it finds the paths free, its sources' too.
                collect(stream)
                completion(.success(()))
                for body in settled { body() }
                wake(groups)
                if !watchers.isEmpty { deleted(stream.path, watchers: watchers) }
            case .failure(.conflict):
                // What was decided before did not become durable after all: once more, from what is.
                stream.state.withLock { if $0.hot?.machine?.count != $0.durable { $0.hot?.machine = nil } }
                mark(stream, summary, then: completion)
            case .failure(let error):
                let settled = stream.state.withLock { $0.settle(.live) }
                appendFailed(error)
                completion(.failure(Refusal(error)))
                for body in settled { body() }
            }
        }
    }

    private func leave(_ stream: DurableStream) -> (settled: [@Sendable () -> Void], readers: [Group]) {
        let (settled, groups) = stream.state.withLock { state in
            state.summary.isDeleted = true
            let groups = state.hot?.readers.all ?? []
            return (state.settle(.deleted), groups)
        }
        shelf.withLock { shelf in
            shelf.mortal[ObjectIdentifier(stream)] = nil
            shelf.kept[ObjectIdentifier(stream)] = nil
            shelf.warm[ObjectIdentifier(stream)] = nil
        }
        return (settled, groups)
    }

    /// Erases a deleted stream that no fork reads, and then perhaps its source.
    func collect(_ stream: DurableStream) {
        let (path, waiting): (StreamPath?, [@Sendable () -> Void]) = stream.state.withLock { state in
            guard state.phase == .deleted, state.forks == 0 else { return (nil, []) }
            state.phase = .gone
            defer { state.hot = nil }
            return (state.summary.path, state.hot?.loading ?? [])
        }
        guard let path else { return }
        shelf.withLock { if $0.streams[path] === stream { $0.streams[path] = nil } }
        pages.drop(stream)
        // Who waits for what the writers had done finds that there is no stream.
        for body in waiting { body() }
        store.erase(stream.id) { [self] result in
            postman.beginCommit()
            if case .failure(let error) = result, error != .closed {
                // It is marked as deleted: the next start tries again.
                logger.warning(
                    "a deleted stream's bytes are still there",
                    metadata: ["tl.stream.id": "\(stream.id)", "tl.reason": "\(error)"])
            }
        }
        if let source = stream.source { letGo(of: source) }
    }

    /// Looks for streams whose time is over, and lets go of what nobody uses.
    func tidy() {
        let now = environment.time
        let (mortal, warm) = shelf.withLock { (Array($0.mortal.values), Array($0.warm.values)) }
        for stream in mortal where stream.state.withLock({ $0.phase == .live && $0.isExpired(now) }) {
            expire(stream)
        }
        keepInBounds()
        let limit = now.monotonic - configuration.idleMilliseconds
        pages.tidy(before: limit)
        for stream in warm where coolDown(stream, before: limit) {
            shelf.withLock { shelf in
                if stream.state.withLock({ $0.hot == nil }) { shelf.warm[ObjectIdentifier(stream)] = nil }
            }
        }
    }

    /// Forgets what is in memory of a stream that nobody has touched for a while. False if it is in use.
    private func coolDown(_ stream: DurableStream, before limit: Int64) -> Bool {
        let cooled: (isCold: Bool, checkpoint: Checkpoint?) = stream.state.withLock { state in
            guard let hot = state.hot else { return (true, nil) }
            guard state.touched < limit, state.phase == .live, hot.isIdle else { return (false, nil) }
            state.hot = nil
            let isDue = hot.uncheckedBytes > configuration.streamCheckpointBytes / 64
            return (true, isDue ? hot.machine?.checkpoint : nil)
        }
        if let checkpoint = cooled.checkpoint { store.saveCheckpoint(checkpoint, of: stream.id) }
        return cooled.isCold
    }
}
