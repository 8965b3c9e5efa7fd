import NIOCore
import Synchronization
import ThroughlineCore
import ThroughlineEngine

/// Several streams as server-sent events on one connection. Each has its turn; one at a time is read from the store.
///
/// `@unchecked Sendable`: used by one task, or on one loop, at a time; only `turns` is touched by others.
final class JoinedFeed: EventFeed, @unchecked Sendable {
    /// One of the streams.
    struct Place {
        enum State {
            case reading(StreamReading)
            /// It is gone, and the reader has to be told.
            case gone(Refusal)
            /// Nothing more comes of it.
            case over
        }

        let path: StreamPath
        fileprivate var state: State
        fileprivate var position: StreamOffset?
        fileprivate var listener: StreamListener?
        fileprivate var hasSpoken = false

        init(_ path: StreamPath, _ state: State) {
            self.path = path
            self.state = state
            if case .reading(let reading) = state { position = reading.from }
        }

        fileprivate var isOver: Bool { if case .over = state { true } else { false } }
    }

    /// Which streams may have something.
    private struct Turns {
        var queue: [Int]
        var isQueued: [Bool]
        /// Streams that have to be read from the store, when it is their turn.
        var later: [Int] = []
        /// Until what was read has been taken.
        var isFetching = false
        var fetched: (index: Int, result: Result<StreamSlice, Refusal>)?
        var onMore: (@Sendable () -> Void)?

        mutating func add(_ index: Int) {
            guard !isQueued[index] else { return }
            isQueued[index] = true
            queue.append(index)
        }

        mutating func next() -> Turn? {
            if let (index, result) = fetched {
                fetched = nil
                isFetching = false
                for other in later { add(other) }
                later = []
                return .take(index, result)
            }
            guard !queue.isEmpty else { return nil }
            let index = queue.removeFirst()
            isQueued[index] = false
            return .look(index)
        }
    }

    private enum Turn {
        case look(Int)
        case take(Int, Result<StreamSlice, Refusal>)
    }

    private let service: StreamService
    private let mailbox: Mailbox
    private var places: [Place]
    private let turns: Mutex<Turns>
    /// Bytes of messages in one event.
    private static let stepBytes = 256 << 10

    init(_ service: StreamService, _ places: [Place], _ mailbox: Mailbox) {
        self.service = service
        self.places = places
        self.mailbox = mailbox
        turns = Mutex(Turns(queue: Array(places.indices), isQueued: places.map { _ in true }))
    }

    func begin(_ onMore: @escaping @Sendable () -> Void) {
        turns.withLock { $0.onMore = onMore }
        for index in places.indices {
            guard case .reading(let reading) = places[index].state else { continue }
            places[index].listener = reading.source.listener(mailbox: mailbox) { [weak self] in self?.wake(index) }
        }
    }

    func detach() {
        turns.withLock { $0.onMore = nil }
        for index in places.indices { leave(index) }
    }

    /// Every event says where the reader is.
    let goodbye = ByteBuffer()

    private func wake(_ index: Int) {
        let onMore = turns.withLock { turns in
            turns.add(index)
            return turns.onMore
        }
        onMore?()
    }

    func next() -> FeedStep {
        while let turn = turns.withLock({ $0.next() }) {
            let events =
                switch turn {
                case .look(let index): look(at: index)
                case .take(let index, .success(let slice)): take(slice, at: index)
                case .take(let index, .failure(let refusal)): gone(index, refusal)
                }
            if let events { return .events(events) }
        }
        return places.allSatisfy(\.isOver) ? .end(ByteBuffer()) : .wait
    }

    private func look(at index: Int) -> ByteBuffer? {
        guard let position = places[index].position, case .reading(let reading) = places[index].state else {
            if case .gone(let refusal) = places[index].state { return gone(index, refusal) }
            return nil
        }
        if let end = reading.end, position >= end {
            let hasSpoken = places[index].hasSpoken
            finish(index)
            return hasSpoken ? nil : control(index, at: position, isUpToDate: true)
        }
        switch service.engine.pull(
            reading.source, after: position, bytes: Self.stepBytes, for: places[index].listener)
        {
        case .slice(let slice): return take(slice, at: index)
        case .atTail(_, let isClosed):
            if isClosed { finish(index) }
            if !isClosed, places[index].hasSpoken { return nil }
            return control(index, at: position, isUpToDate: true, isClosed: isClosed)
        case .trimmed(let earliest): return gone(index, StreamEngine.isGone(before: earliest))
        case .beyond: return gone(index, Refusal(.offsetInvalid, "The stream ends before that offset."))
        case .gone: return gone(index, Refusal(.streamNotFound, "The stream was deleted."))
        case .stored:
            fetch(index, reading, after: position)
            return nil
        }
    }

    /// The events for a stretch of a stream, which then has to wait until the others had their turns.
    private func take(_ slice: StreamSlice, at index: Int) -> ByteBuffer? {
        guard case .reading(let reading) = places[index].state else { return nil }
        turns.withLock { $0.add(index) }
        guard slice.last > slice.after else { return nil }
        places[index].position = slice.last
        var events = StreamEvents.data(slice, of: places[index].path, form: reading.form, id: id)
        if slice.isClosed { finish(index) }
        var control = control(index, at: slice.last, isUpToDate: slice.isAtTail, isClosed: slice.isClosed)
        events.writeBuffer(&control)
        return events
    }

    private func control(
        _ index: Int, at position: StreamOffset, isUpToDate: Bool, isClosed: Bool = false
    ) -> ByteBuffer {
        places[index].hasSpoken = true
        return StreamEvents.control(
            of: places[index].path, next: position, isUpToDate: isUpToDate, isClosed: isClosed, id: id)
    }

    private func gone(_ index: Int, _ refusal: Refusal) -> ByteBuffer {
        finish(index)
        places[index].position = nil
        return StreamEvents.gone(places[index].path, refusal, id: id)
    }

    private func finish(_ index: Int) {
        places[index].state = .over
        leave(index)
    }

    private func leave(_ index: Int) {
        if let listener = places[index].listener { service.engine.detach(listener) }
        places[index].listener = nil
    }

    private var id: JoinedOffsets { JoinedOffsets(places.map(\.position)) }

    private func fetch(_ index: Int, _ reading: StreamReading, after position: StreamOffset) {
        let isFree = turns.withLock { turns in
            if turns.isFetching { turns.later.append(index) }
            defer { turns.isFetching = true }
            return !turns.isFetching
        }
        guard isFree else { return }
        service.engine.readStored(reading.source, after: position, bytes: Self.stepBytes) { [weak self] result in
            guard let self else { return }
            let onMore = turns.withLock { turns in
                turns.fetched = (index, result)
                return turns.onMore
            }
            guard let onMore else { return }
            if let loop = mailbox.loop { loop.execute(onMore) } else { onMore() }
        }
    }
}
