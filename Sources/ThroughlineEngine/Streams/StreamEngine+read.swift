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
            return hot.slice(of: stream, after: position, tail: tail, state.summary, bytes: bytes)
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

    /// Reads what is not in memory, on a thread for that, or finds that somebody has read it a moment ago. The completion runs there, or
    /// here.
    public func readStored(
        _ stream: DurableStream, after position: StreamOffset, bytes: Int,
        then completion: @escaping @Sendable (Result<StreamSlice, Refusal>) -> Void
    ) {
        let now = environment.monotonic()
        if let page = page(of: stream, after: position, bytes: bytes, now) {
            completion(.success(page))
            return readAhead(stream, behind: page, bytes: bytes, now)
        }
        metrics.storedReads.increment()
        pool.run(for: stream.id) { [self] in
            // Who came before may have read the same.
            let known = page(of: stream, after: position, bytes: bytes, now)
            let result = known.map { .success($0) } ?? readPage(of: stream, after: position, bytes: bytes, now)
            completion(result)
            if case .success(let slice) = result { readAhead(stream, behind: slice, bytes: bytes, now) }
        }
    }

    private func readPage(
        of stream: DurableStream, after position: StreamOffset, bytes: Int, _ now: Int64, isAhead: Bool = false
    ) -> Result<StreamSlice, Refusal> {
        let limit = ReadLimit(bytes: bytes - bytes / 4, slack: bytes / 4)
        let result = readDurable(stream, after: position, limit: limit)
        // What can be compacted changes.
        if case .success(let slice) = result, slice.last > slice.after, !stream.mayCompact {
            pages.keep(slice, of: stream, bytes: bytes, now, isAhead: isAhead)
        }
        return result
    }

    /// Reads the next page while the reader takes this one, if it is not the last: who has not come to the end reads on.
    private func readAhead(_ stream: DurableStream, behind slice: StreamSlice, bytes: Int, _ now: Int64) {
        guard !slice.isAtTail, !stream.mayCompact, pages.wantsAhead(of: stream, after: slice.last, bytes: bytes, now)
        else { return }
        pool.run(for: stream.id) { [self] in
            guard pages.wantsAhead(of: stream, after: slice.last, bytes: bytes, now) else { return }
            _ = readPage(of: stream, after: slice.last, bytes: bytes, now, isAhead: true)
        }
    }

    /// What somebody has read a moment ago, or was read ahead, if it is still all there is.
    private func page(
        of stream: DurableStream, after position: StreamOffset, bytes: Int, _ now: Int64
    ) -> StreamSlice? {
        guard let page = pages.page(of: stream, after: position, bytes: bytes, now) else { return nil }
        if position < stream.earliest { return nil }
        let standing = stream.status
        return !page.isAtTail || page.last == standing.tail && page.isClosed == standing.isClosed ? page : nil
    }

    /// What is stored behind a position: first what a fork has from its source, then its own.
    func readDurable(
        _ stream: DurableStream, after position: StreamOffset, limit: ReadLimit
    ) -> Result<StreamSlice, Refusal> {
        let standing = stream.status
        var page = StreamPage(
            after: position.position, limit: limit, form: standing.summary.settings.form)
        do throws(StoreError) {
            try read(stream, upTo: standing.tail.position, into: &page)
        } catch {
            if error == .erased { return .failure(Self.absent(standing.summary.path)) }
            return .failure(Refusal(error))
        }
        // Afterwards: what was let go meanwhile may have been missing already.
        let earliest = stream.earliest
        if position < earliest { return .failure(Self.isGone(before: earliest)) }
        let last = StreamOffset(page.position)
        return .success(
            StreamSlice(
                after: position, last: last, body: page.body.finish(), isAtTail: last >= standing.tail,
                isClosed: standing.isClosed))
    }

    private func read(
        _ stream: DurableStream, upTo end: UInt64, into page: inout StreamPage
    ) throws(StoreError) {
        if page.position < stream.base {
            let border = min(stream.base, end)
            guard let source = stream.source else { throw .corrupt("the source of \(stream.id) is missing") }
            try read(source, upTo: border, into: &page)
            if page.isFull { return }
            // No message is left between the last one and the border.
            page.skip(to: border)
        }
        while page.position < end, !page.isFull {
            let before = page.position
            try store.readPayloads(
                of: stream.id, after: SequenceNumber(before - stream.base), limit: page.room
            ) { sequence, payload in page.add(payload, at: stream.base + sequence.rawValue, end: end) }
            guard page.position > before else { return }
        }
    }
}

/// The stored part of a stream that is being read: keeps to its limit, but takes at least one message.
private struct StreamPage {
    let limit: ReadLimit
    /// The place behind the last message. Places before it may be empty since compaction.
    private(set) var position: UInt64
    var body: StreamBody
    private var count = 0
    private var bytes = 0
    private var isOver = false

    init(after position: UInt64, limit: ReadLimit, form: StreamForm) {
        self.limit = limit
        self.position = position
        body = StreamBody(form, largest: limit.bytes + limit.slack)
    }

    var isFull: Bool { isOver || count > 0 && (count >= limit.records || bytes >= limit.bytes) }

    /// What it still takes.
    var room: ReadLimit {
        ReadLimit(records: limit.records - count, bytes: max(1, limit.bytes - bytes), slack: limit.slack)
    }

    mutating func skip(to place: UInt64) { position = max(position, place) }

    mutating func add(_ message: UnsafeRawBufferPointer, at place: UInt64, end: UInt64) {
        guard !isOver, place <= end else { return }
        if count > 0, bytes + message.count > limit.bytes + limit.slack {
            isOver = true
            return
        }
        body.add(message)
        position = place
        count += 1
        bytes += message.count
    }
}

extension HotStream {
    /// What is in memory behind a position, shared by all readers there.
    fileprivate func slice(
        of stream: DurableStream, after position: StreamOffset, tail: StreamOffset, _ summary: StreamSummary, bytes: Int
    ) -> StreamPulled {
        let own = SequenceNumber(position.position - stream.base)
        let end = SequenceNumber(tail.position - stream.base)
        guard let messages = window.events(after: own, upTo: end, bytes: bytes), let last = messages.last else {
            return .stored
        }
        var body = StreamBody(
            summary.settings.form, largest: messages.reduce(2) { $0 + $1.bytes.count + 1 })
        for message in messages { body.add(message) }
        let place = StreamOffset(stream.base + last.sequence.rawValue)
        let slice = StreamSlice(
            after: position, last: place, body: body.finish(), isAtTail: place == tail,
            isClosed: summary.closing != nil)
        self.slice = slice
        return .slice(slice)
    }
}
