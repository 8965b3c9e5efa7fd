import DequeModule
import Logging
import Synchronization
public import ThroughlineCore

/// What a write came to, and how the stream stands after it.
public struct StreamWritten: Sendable {
    public var verdict: StreamVerdict
    public var tail: StreamOffset
    public var isClosed: Bool
}

extension StreamEngine {
    public typealias WriteCompletion = @Sendable (Result<StreamWritten, Refusal>) -> Void

    /// Appends the messages of a body, closes the stream, or both. Answered when all that the answer rests on is durable.
    ///
    /// - Parameters:
    ///   - write: Its messages are made of the body.
    ///   - isDeferred: The caller sees to a commit, soon and without fail: see ``Engine/commitTick(on:)``.
    public func write(
        _ write: StreamWrite, body: [UInt8], to path: StreamPath, isDeferred: Bool = false,
        then completion: @escaping WriteCompletion
    ) {
        do throws(Refusal) {
            try requireReady()
        } catch { return completion(.failure(error)) }
        switch look(path) {
        case .absent: return completion(.failure(Self.absent(path)))
        case .deleted: return completion(.failure(Self.deleted(path)))
        case .settling(let stream):
            return whenSettled(stream) { [self] in self.write(write, body: body, to: path, then: completion) }
        case .live(let stream):
            var write = write
            let (form, type, isClosed) = stream.state.withLock {
                ($0.summary.settings.form, $0.summary.settings.contentType, $0.summary.closing != nil)
            }
            if isClosed || write.contentType.map({ !MediaType.isSame($0, type) }) ?? false {
                // What is in it does not matter: the machine refuses it.
                write.messages = body.isEmpty ? [] : [body]
            } else {
                do throws(Refusal) {
                    write.messages = try StreamMessages.read(body, form: form, mayBeEmpty: false)
                } catch { return completion(.failure(error)) }
            }
            decide(write, on: stream, path, isDeferred: isDeferred, then: completion)
        }
    }

    private enum Decided {
        case again, waiting
        case done(StreamWritten)
    }

    private func decide(
        _ write: StreamWrite, on stream: DurableStream, _ path: StreamPath, isDeferred: Bool,
        then completion: @escaping WriteCompletion
    ) {
        metrics.operations.increment()
        var isWarmed = false
        let decided: Decided = stream.state.withLock { state in
            guard state.phase == .live else { return .again }
            state.touched = environment.monotonic()
            let hot: HotStream
            (hot, isWarmed) = state.warm()
            guard hot.machine != nil else {
                let isFirst = hot.loading == nil
                hot.loading =
                    (hot.loading ?? []) + [
                        { [self] in
                            decide(write, on: stream, path, isDeferred: false, then: completion)
                        }
                    ]
                if isFirst { load(stream, hot, state.summary, durable: state.durable, failing: completion) }
                return .waiting
            }
            return decide(write, on: stream, &state, hot, isDeferred: isDeferred, then: completion)
        }
        if isWarmed { shelf.withLock { $0.warm[ObjectIdentifier(stream)] = stream } }
        switch decided {
        case .waiting: break
        case .done(let written): completion(.success(written))
        case .again: self.write(write, body: write.body(of: stream.form), to: path, then: completion)
        }
    }

    private func decide(
        _ write: StreamWrite, on stream: DurableStream, _ state: inout DurableStream.State, _ hot: HotStream,
        isDeferred: Bool, then completion: @escaping WriteCompletion
    ) -> Decided {
        var records: [LogRecord] = []
        guard let verdict = hot.machine?.write(write, at: environment.now(), into: &records), let machine = hot.machine
        else { return .again }
        let written = StreamWritten(verdict: verdict, tail: machine.tail, isClosed: machine.summary.closing != nil)
        if verdict == .taken {
            submit(records, of: stream, hot, summary: write.isClosing ? machine.summary : nil, isDeferred: isDeferred)
        } else {
            metrics.refusals.increment()
        }
        guard hot.durableTicket < hot.decidedTicket else { return .done(written) }
        hot.waiters.append(
            (hot.decidedTicket, { refusal in completion(refusal.map { .failure($0) } ?? .success(written)) }))
        return .waiting
    }

    /// Hands records to the store, while the stream's lock is held: the log has the order of the decisions.
    ///
    /// - Parameter then: Runs last, with whether they are durable.
    func submit(
        _ records: [LogRecord], of stream: DurableStream, _ hot: HotStream, summary: StreamSummary?, isDeferred: Bool,
        then: (@Sendable (Bool) -> Void)? = nil
    ) {
        guard let machine = hot.machine else { return }
        hot.decidedTicket += 1
        let ticket = hot.decidedTicket
        let count = machine.count
        let events = records.count { $0.kind == .event }
        hot.window.append(records)
        hot.uncheckedBytes += records.reduce(0) { $0 + $1.payload.count + 64 }
        var checkpoint: Checkpoint?
        if hot.uncheckedBytes > configuration.streamCheckpointBytes, store.takesCheckpoints {
            checkpoint = machine.checkpoint
            hot.uncheckedBytes = 0
        }
        let append = LogAppend(
            stream: stream.id, expecting: SequenceNumber(count - UInt64(events)), records: records,
            summary: summary?.encoded)
        let id = ObjectIdentifier(hot)
        let completion: LogCompletion = { [self, checkpoint] result in
            postman.beginCommit()
            switch result {
            case .success:
                metrics.appends.increment()
                metrics.events.increment(by: events)
                committed(stream, id, ticket: ticket, count: count, summary: summary)
                if let checkpoint { store.saveCheckpoint(checkpoint, of: stream.id) }
                then?(true)
            case .failure(let error):
                failed(stream, id, error)
                then?(false)
            }
        }
        if isDeferred {
            store.append(deferring: append, completion: completion)
        } else {
            store.append(append, completion: completion)
        }
    }

    private func committed(
        _ stream: DurableStream, _ id: ObjectIdentifier, ticket: UInt64, count: UInt64, summary: StreamSummary?
    ) {
        var finished: [HotStream.Waiter] = []
        var watchers: [HeldSubscription] = []
        var isFarOver = false
        let groups = stream.state.withLock { state in
            state.durable = count
            watchers = state.watchers
            isFarOver = state.isFarOver
            if let summary {
                state.summary.closing = summary.closing
                state.summary.trim = summary.trim
            }
            // Another one took its place when an append before this failed, and then this one has failed too.
            guard let hot = state.hot, ObjectIdentifier(hot) == id else { return [] as [Group] }
            if summary != nil { hot.slice = nil }
            hot.durableTicket = ticket
            hot.window.trim(to: configuration.streamWindowBytes, durable: SequenceNumber(count))
            while let next = hot.waiters.first, next.ticket <= ticket {
                finished.append(next.waiter)
                hot.waiters.removeFirst()
            }
            return hot.readers.all
        }
        for waiter in finished { waiter(nil) }
        wake(groups)
        if !watchers.isEmpty { appended(to: stream.path, watchers: watchers) }
        if isFarOver { retain(stream) }
    }

    typealias Group = ReaderGroups<StreamReader>.Group

    /// What was decided and did not become durable is dropped: the stream is read from the store anew by who writes next.
    private func failed(_ stream: DurableStream, _ id: ObjectIdentifier, _ error: StoreError) {
        let (waiters, groups): ([HotStream.Waiter], [Group]) = stream.state.withLock { state in
            guard let hot = state.hot, ObjectIdentifier(hot) == id else { return ([], []) }
            let fresh = HotStream(after: state.durable)
            fresh.readers = hot.readers
            state.hot = fresh
            defer { hot.waiters = [] }
            return (hot.waiters.map(\.waiter), hot.readers.all)
        }
        appendFailed(error)
        for waiter in waiters { waiter(Refusal(error)) }
        wake(groups)
    }

    func appendFailed(_ error: StoreError) {
        metrics.appendFailures.increment()
        if case .failed(let reason) = error { return storeFailed(reason) }
        logger.warning("an append to a durable stream was refused", metadata: ["tl.reason": "\(error)"])
    }

    func wake(_ groups: [Group]) { postman.wake(groups) }
}

// MARK: - From the store

extension StreamEngine {
    /// Reads what the stream's writers have done so far, on a thread for that.
    func load(
        _ stream: DurableStream, _ hot: HotStream, _ summary: StreamSummary, durable: UInt64,
        failing completion: @escaping WriteCompletion
    ) {
        metrics.storedReads.increment()
        let id = ObjectIdentifier(hot)
        pool.run(for: stream.id) { [self] in
            let machine = replay(stream, summary, upTo: durable)
            let waiting: [@Sendable () -> Void] = stream.state.withLock { state in
                guard let hot = state.hot, ObjectIdentifier(hot) == id else { return [] }
                if let machine { hot.machine = machine }
                defer { hot.loading = nil }
                return hot.loading ?? []
            }
            if machine == nil {
                completion(.failure(Refusal(.storageFailed, "The stream cannot be read. See the server's log.")))
                // The others find out for themselves.
                for retry in waiting.dropFirst() { retry() }
            } else {
                for retry in waiting { retry() }
            }
        }
    }

    private func replay(_ stream: DurableStream, _ summary: StreamSummary, upTo durable: UInt64) -> StreamMachine? {
        do throws(StoreError) {
            var machine = StreamMachine(summary)
            if let kept = try store.checkpoint(of: stream.id).flatMap({ StreamMachine($0, of: summary) }),
                kept.count <= durable
            {
                machine = kept
            } else if let anchor = summary.trim?.anchor, anchor > 0 {
                machine = try begin(stream, summary, at: anchor)
            }
            while machine.count < durable {
                let records = try store.read(
                    stream.id, after: SequenceNumber(machine.count), limit: ReadLimit(bytes: 4 << 20))
                guard !records.isEmpty, machine.replay(records) else { throw .corrupt("after \(machine.count)") }
            }
            return machine
        } catch {
            logger.error(
                "a durable stream cannot be read",
                metadata: ["tl.stream": "\(summary.path)", "tl.stream.id": "\(stream.id)", "tl.reason": "\(error)"])
            return nil
        }
    }

    /// A stream from where its records begin since those before were let go.
    private func begin(
        _ stream: DurableStream, _ summary: StreamSummary, at anchor: UInt64
    ) throws(StoreError) -> StreamMachine {
        let records = try store.read(stream.id, after: SequenceNumber(anchor - 1), limit: ReadLimit(bytes: 1))
        guard let machine = StreamMachine(from: records, of: summary) else { throw .corrupt("after \(anchor - 1)") }
        return machine
    }
}

extension StreamWrite {
    /// The body that these messages came from, or one that means the same.
    fileprivate func body(of form: StreamForm) -> [UInt8] {
        guard form == .json, !messages.isEmpty else { return messages.first ?? [] }
        return [UInt8(ascii: "[")] + Array(messages.joined(separator: [UInt8(ascii: ",")])) + [UInt8(ascii: "]")]
    }
}
