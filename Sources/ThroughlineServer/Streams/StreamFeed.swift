import NIOCore
import Synchronization
import ThroughlineCore
import ThroughlineEngine

/// A stream as server-sent events: pulled by whoever writes them, at the pace of its reader.
///
/// `@unchecked Sendable`: used by one task, or on one loop, at a time; only `fetched` is touched by others.
final class StreamFeed: EventFeed, @unchecked Sendable {
    private let service: StreamService
    private let reading: StreamReading
    private let mailbox: Mailbox
    private var position: StreamOffset
    private var listener: StreamListener?
    /// Beyond what the client has said of its cursor, if that is ahead of time.
    private let ahead: UInt64?
    private var hasSpoken = false
    private let fetched = Mutex(Fetched())
    /// Bytes of messages in one event.
    private static let stepBytes = 256 << 10

    private struct Fetched {
        var isUnderWay = false
        var result: Result<StreamSlice, Refusal>?
        var onMore: (@Sendable () -> Void)?

        mutating func take() -> Result<StreamSlice, Refusal>? {
            defer { result = nil }
            return result
        }
    }

    init(_ service: StreamService, _ reading: StreamReading, _ mailbox: Mailbox) {
        self.service = service
        self.reading = reading
        self.mailbox = mailbox
        position = reading.from
        ahead = StreamCursor.ahead(of: reading.cursor, now: service.engine.now)
    }

    func begin(_ onMore: @escaping @Sendable () -> Void) {
        fetched.withLock { $0.onMore = onMore }
        listener = reading.source.listener(mailbox: mailbox, wake: onMore)
    }

    func detach() {
        if let listener { service.engine.detach(listener) }
        listener = nil
        fetched.withLock { $0.onMore = nil }
    }

    func next() -> FeedStep {
        if let result = fetched.withLock({ $0.take() }) {
            switch result {
            case .success(let slice) where slice.last > position: return step(slice)
            case .success: break
            case .failure(let refusal): return .end(StreamEvents.refusal(refusal))
            }
        }
        if fetched.withLock({ $0.isUnderWay }) { return .wait }
        if let end = reading.end, position >= end {
            return .end(hasSpoken ? ByteBuffer() : control(at: position, isUpToDate: true, isClosed: false))
        }
        switch service.engine.pull(reading.source, after: position, bytes: Self.stepBytes, for: listener) {
        case .slice(let slice): return step(slice)
        case .atTail(let tail, let isClosed):
            if isClosed { return .end(control(at: tail, isUpToDate: true, isClosed: true)) }
            guard !hasSpoken else { return .wait }
            return .events(control(at: tail, isUpToDate: true, isClosed: false))
        case .trimmed(let earliest): return .end(StreamEvents.refusal(StreamEngine.isGone(before: earliest)))
        case .beyond:
            return .end(StreamEvents.refusal(Refusal(.offsetInvalid, "The stream ends before that offset.")))
        case .gone: return .end(StreamEvents.refusal(Refusal(.streamNotFound, "The stream was deleted.")))
        case .stored:
            fetch()
            return .wait
        }
    }

    var goodbye: ByteBuffer { control(at: position, isUpToDate: false, isClosed: false) }

    private func step(_ slice: StreamSlice) -> FeedStep {
        position = slice.last
        let cursor = cursor
        let buffer = slice.encoded(
            { StreamEvents.data($0, form: reading.form) },
            ending: {
                StreamEvents.control(
                    next: slice.last, cursor: slice.isClosed ? nil : cursor, isUpToDate: slice.isAtTail,
                    isClosed: slice.isClosed)
            }, key: cursor)
        hasSpoken = true
        return slice.isClosed ? .end(buffer) : .events(buffer)
    }

    /// The same for nearly all at one time, so that what follows an event is made once for all.
    private var cursor: String { String(max(StreamCursor.current(service.engine.now), ahead ?? 0)) }

    private func control(at offset: StreamOffset, isUpToDate: Bool, isClosed: Bool) -> ByteBuffer {
        hasSpoken = true
        return StreamEvents.control(
            next: offset, cursor: isClosed ? nil : cursor, isUpToDate: isUpToDate, isClosed: isClosed)
    }

    private func fetch() {
        fetched.withLock { $0.isUnderWay = true }
        service.engine.readStored(reading.source, after: position, bytes: Self.stepBytes) { [weak self] result in
            guard let self else { return }
            let onMore = fetched.withLock { fetched in
                fetched.isUnderWay = false
                fetched.result = result
                return fetched.onMore
            }
            guard let onMore else { return }
            if let loop = mailbox.loop { loop.execute(onMore) } else { onMore() }
        }
    }
}
