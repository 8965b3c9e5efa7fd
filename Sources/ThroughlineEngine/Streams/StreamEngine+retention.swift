import Logging
import Synchronization
import ThroughlineCore

/// How far a stream of which not all is kept has been looked at. Touched under the lock of its stream.
final class StreamKeeping {
    /// Somebody looks at it, or lets go of something.
    var isUnderWay = false
    /// How many messages there were when nothing was found over; `nil`: nobody has looked since the start.
    var looked: UInt64?
    /// When the oldest message was written that is kept, as far as it has been seen.
    var oldest: Timestamp?
    /// Up to which message compaction was tried last, and not worth while.
    var tried: UInt64 = 0
}

extension DurableStream.State {
    /// Whether a look could find messages that are over.
    func isDue(_ now: Timestamp) -> Bool {
        guard phase == .live, let retention = summary.settings.retention, let keeping, !keeping.isUnderWay else {
            return false
        }
        let first = summary.trim?.first ?? 0
        if durable <= first { return false }
        if let messages = retention.messages, durable - first > messages { return true }
        if retention.bytes != nil, keeping.looked != durable { return true }
        guard let seconds = retention.seconds else { return false }
        return keeping.oldest.map { now.rawValue - $0.rawValue >= Int64(clamping: seconds) &* 1_000 } ?? true
    }

    /// Whether so much is over that it cannot wait. Cheap, and nothing where all is kept.
    var isFarOver: Bool {
        guard let keeping, !keeping.isUnderWay, let retention = summary.settings.retention else { return false }
        let bytes = max(hot?.machine?.bytes ?? 0, summary.trim?.bytes ?? 0)
        return retention.isFarExceeded(
            messages: durable - (summary.trim?.first ?? 0), bytes: bytes - (summary.trim?.bytes ?? 0))
    }
}

extension StreamEngine {
    /// Looks at so many streams in one round at most.
    private static let looksAtOnce = 1_000
    /// A look reads so many messages, in steps, before it lets go of what it found.
    private static let lookBytes = 32 << 20
    private static let stepBytes = 1 << 20

    /// Looks for streams that have more than they are to keep.
    func keepInBounds() {
        let now = environment.now()
        let kept = shelf.withLock { Array($0.kept.values) }
        let due = kept.lazy.filter { stream in stream.state.withLock { $0.isDue(now) } }
        for stream in due.prefix(Self.looksAtOnce) { retain(stream) }
        compact(kept)
    }

    /// Lets go of what a stream has over what it is to keep, on a thread for that.
    func retain(_ stream: DurableStream) {
        let isMine = stream.state.withLock { state in
            guard state.phase == .live, let keeping = state.keeping, !keeping.isUnderWay else { return false }
            keeping.isUnderWay = true
            return true
        }
        if isMine { pool.run(for: stream.id) { [self] in look(at: stream) } }
    }

    func rest(_ stream: DurableStream) { stream.state.withLock { $0.keeping?.isUnderWay = false } }

    /// Where a look begins. `nil` where the stream's machine is read from the store first, or the stream is none any more.
    private func beginLook(at stream: DurableStream) -> StreamTrimming? {
        var isWarmed = false
        let trimming: StreamTrimming? = stream.state.withLock { state in
            guard state.phase == .live, let retention = state.summary.settings.retention else {
                state.keeping?.isUnderWay = false
                return nil
            }
            let hot: HotStream
            (hot, isWarmed) = state.warm()
            guard let machine = hot.machine else {
                let isFirst = hot.loading == nil
                hot.loading = (hot.loading ?? []) + [{ [self] in look(at: stream) }]
                if isFirst { load(stream, hot, state.summary, durable: state.durable) { [self] _ in rest(stream) } }
                return nil
            }
            return StreamTrimming(
                retention, from: machine.summary.trim, count: state.durable, bytes: machine.bytes,
                at: environment.now(), isDense: state.summary.settings.compaction == nil)
        }
        if isWarmed { shelf.withLock { $0.warm[ObjectIdentifier(stream)] = stream } }
        return trimming
    }

    private func look(at stream: DurableStream) {
        guard var trimming = beginLook(at: stream) else { return }
        let first = trimming.trim.first
        var bytes = 0
        do throws(StoreError) {
            while !trimming.isDone, bytes < Self.lookBytes {
                let limit = ReadLimit(bytes: bytes == 0 ? 4 << 10 : Self.stepBytes)
                let records = try store.read(
                    stream.id, after: SequenceNumber(trimming.position), limit: limit)
                bytes += records.reduce(1) { $0 + $1.payload.count + $1.note.count }
                guard !records.isEmpty, trimming.look(at: records) else {
                    throw .corrupt("after \(trimming.position)")
                }
            }
        } catch {
            rest(stream)
            if error == .erased || error == .closed { return }
            return logger.error(
                "a stream's old messages cannot be read",
                metadata: ["tl.stream.id": "\(stream.id)", "tl.reason": "\(error)"])
        }
        if trimming.trim.first > first { return letGo(trimming, of: stream) }
        stream.state.withLock { state in
            state.keeping?.isUnderWay = false
            state.keeping?.looked = state.durable
            state.keeping?.oldest = trimming.oldest
        }
    }

    /// Makes durable, and then shown, what was found.
    private func letGo(_ trimming: StreamTrimming, of stream: DurableStream) {
        note(on: stream) { [self] machine in
            machine.trim(trimming.trim, at: environment.now())
        } then: { [self] summary in
            rest(stream)
            guard let summary else { return }
            free(stream, summary)
            // There may be more, and what is kept now has not been looked at.
            retain(stream)
        }
    }

    /// Adds a note to a stream that somebody has under way, with its new summary.
    ///
    /// - Parameters:
    ///   - make: Makes the note, or none.
    ///   - completion: Is given the summary once it is durable, `nil` where it is not or the stream is none any more.
    func note(
        on stream: DurableStream, _ make: @escaping @Sendable (inout StreamMachine) -> LogRecord?,
        then completion: @escaping @Sendable (StreamSummary?) -> Void
    ) {
        var isWarmed = false
        let isLeft = stream.state.withLock { state in
            guard state.phase == .live else { return true }
            let hot: HotStream
            (hot, isWarmed) = state.warm()
            guard var machine = hot.machine else {
                let isFirst = hot.loading == nil
                hot.loading = (hot.loading ?? []) + [{ [self] in note(on: stream, make, then: completion) }]
                if isFirst { load(stream, hot, state.summary, durable: state.durable) { _ in completion(nil) } }
                return false
            }
            guard let record = make(&machine) else { return true }
            hot.machine = machine
            submit([record], of: stream, hot, summary: machine.summary, isDeferred: false) {
                [summary = machine.summary] in
                completion($0 ? summary : nil)
            }
            return false
        }
        if isWarmed { shelf.withLock { $0.warm[ObjectIdentifier(stream)] = stream } }
        if isLeft { completion(nil) }
    }

    /// Allows the store to give back the room of what was let go.
    func free(_ stream: DurableStream, _ summary: StreamSummary) {
        guard let trim = summary.trim, trim.freed > 0 else { return }
        pages.drop(stream)
        store.trim(stream.id, upTo: SequenceNumber(trim.freed))
    }
}
