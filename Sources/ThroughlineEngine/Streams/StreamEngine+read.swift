import Synchronization
public import ThroughlineCore

extension StreamEngine {
    /// Notes that a stream was read: its idle time begins anew.
    public func touch(_ stream: DurableStream) {
        stream.state.withLock { $0.touched = environment.monotonic() }
    }

    /// What is durable behind a position, as far as it is in memory.
    ///
    /// - Parameter subscription: Is woken when there is more, if there is nothing now.
    public func pull(
        _ stream: DurableStream, after position: StreamOffset, bytes: Int, for subscription: StreamReader? = nil
    ) -> StreamPulled {
        metrics.deliveries.increment()
        var isWarmed = false
        let pulled: StreamPulled = stream.state.withLock { state in
            guard state.phase == .live || state.phase == .deleting else { return .gone }
            let tail = StreamOffset(stream.base + state.durable)
            let isClosed = state.summary.closing != nil
            if position > tail { return .beyond }
            if let first = state.summary.trim?.first, first > 0, position.position < stream.base + first {
                return .trimmed(StreamOffset(stream.base + first))
            }
            if position == tail {
                guard let subscription, !isClosed else { return .atTail(tail, isClosed: isClosed) }
                let hot: HotStream
                (hot, isWarmed) = state.warm()
                hot.readers.insert(subscription)
                return .atTail(tail, isClosed: false)
            }
            guard position.position >= stream.base, let hot = state.hot else { return .stored }
            if let slice = hot.slice, slice.after == position, slice.last == tail { return .slice(slice) }
            return hot.slice(of: stream, after: position, tail: tail, isClosed: isClosed, bytes: bytes)
        }
        if isWarmed { shelf.withLock { $0.warm[ObjectIdentifier(stream)] = stream } }
        return pulled
    }

    public func detach(_ subscription: StreamReader) {
        let stream = subscription.stream
        stream.state.withLock { state in
            _ = state.hot?.readers.remove(subscription)
            state.touched = environment.monotonic()
        }
    }

    /// Reads what is not in memory, on a thread for that; the completion runs there.
    public func readStored(
        _ stream: DurableStream, after position: StreamOffset, bytes: Int,
        then completion: @escaping @Sendable (Result<StreamSlice, Refusal>) -> Void
    ) {
        metrics.storedReads.increment()
        pool.run(for: stream.id) { [self] in
            completion(readDurable(stream, after: position, limit: ReadLimit(bytes: bytes)))
        }
    }

    /// What is stored behind a position: first what a fork has from its source, then its own.
    func readDurable(
        _ stream: DurableStream, after position: StreamOffset, limit: ReadLimit
    ) -> Result<StreamSlice, Refusal> {
        let standing = stream.status
        var messages: [Delivery] = []
        var size = 0
        do throws(StoreError) {
            try read(stream, after: position.position, upTo: standing.tail.position, limit, &messages, &size)
        } catch {
            if error == .erased { return .failure(Self.absent(standing.summary.path)) }
            return .failure(Refusal(error))
        }
        // Afterwards: what was let go meanwhile may have been missing already.
        let earliest = stream.earliest
        if position < earliest { return .failure(Self.isGone(before: earliest)) }
        let last = StreamOffset(position.position + UInt64(messages.count))
        return .success(
            StreamSlice(
                after: position, last: last, messages: messages, isAtTail: last >= standing.tail,
                isClosed: standing.isClosed))
    }

    private func read(
        _ stream: DurableStream, after position: UInt64, upTo end: UInt64, _ limit: ReadLimit,
        _ messages: inout [Delivery], _ size: inout Int
    ) throws(StoreError) {
        var position = position
        if position < stream.base {
            let border = min(stream.base, end)
            guard let source = stream.source else { throw .corrupt("the source of \(stream.id) is missing") }
            let before = messages.count
            try read(source, after: position, upTo: border, limit, &messages, &size)
            position += UInt64(messages.count - before)
            if position < border { return }
        }
        while position < end, messages.count < limit.records, size < limit.bytes || messages.isEmpty {
            let room = ReadLimit(records: limit.records - messages.count, bytes: max(1, limit.bytes - size))
            let records = try store.read(stream.id, after: SequenceNumber(position - stream.base), limit: room)
            let before = messages.count
            for record in records where record.kind == .event && stream.base + record.sequence.rawValue <= end {
                if !messages.isEmpty, size + record.payload.count > limit.bytes { return }
                messages.append(Delivery(sequence: record.sequence, bytes: record.payload))
                size += record.payload.count
            }
            guard messages.count > before else { return }
            position += UInt64(messages.count - before)
        }
    }
}

extension HotStream {
    /// What is in memory behind a position, shared by all readers there.
    fileprivate func slice(
        of stream: DurableStream, after position: StreamOffset, tail: StreamOffset, isClosed: Bool, bytes: Int
    ) -> StreamPulled {
        let own = SequenceNumber(position.position - stream.base)
        let end = SequenceNumber(tail.position - stream.base)
        guard let messages = window.events(after: own, upTo: end, bytes: bytes), !messages.isEmpty else {
            return .stored
        }
        let last = StreamOffset(position.position + UInt64(messages.count))
        let slice = StreamSlice(
            after: position, last: last, messages: messages, isAtTail: last == tail, isClosed: isClosed)
        self.slice = slice
        return .slice(slice)
    }
}
