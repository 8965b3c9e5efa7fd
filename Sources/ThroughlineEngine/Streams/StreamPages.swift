import NIOCore
import Synchronization
import ThroughlineCore

/// The pages of streams that were read from the store last, so that of many who catch up only one reads, and the ones that were read
/// ahead of who reads on.
///
/// A page that does not reach the stream's end never changes. One that did is only good as long as it does.
final class StreamPages: Sendable {
    private struct Key: Hashable {
        var stream: ObjectIdentifier
        var after: StreamOffset
        /// How large a page was asked for.
        var bytes: Int
    }

    private struct Page {
        /// Held, so that its key stays its own.
        var stream: DurableStream
        var slice: StreamSlice
        /// Milliseconds of the monotonic clock.
        var used: Int64
        /// Nobody has asked for it yet.
        var isAhead: Bool
    }

    private struct State {
        var pages: [Key: Page] = [:]
        var bytes = 0
        var ahead = 0

        mutating func remove(_ key: Key) {
            guard let page = pages.removeValue(forKey: key) else { return }
            bytes -= page.slice.body.storageCapacity
            if page.isAhead { ahead -= 1 }
        }

        /// Forgets a page that nobody has asked for in time. False when there is none.
        mutating func removeAhead(before limit: Int64) -> Bool {
            guard let old = pages.first(where: { $0.value.isAhead && $0.value.used < limit }) else { return false }
            remove(old.key)
            return true
        }

        mutating func take(_ key: Key, _ now: Int64) -> StreamSlice? {
            guard let index = pages.index(forKey: key) else { return nil }
            if pages.values[index].isAhead { ahead -= 1 }
            pages.values[index].isAhead = false
            pages.values[index].used = now
            return pages.values[index].slice
        }
    }

    private let state = Mutex(State())
    private let maximumBytes: Int
    /// However small they are.
    private static let maximumPages = 256
    /// So many that nobody has asked for, at most.
    private static let maximumAhead = 8
    /// Who was to read such a page has stopped reading, once it is so many milliseconds old.
    private static let maximumAge: Int64 = 2_000

    init(maximumBytes: Int) { self.maximumBytes = maximumBytes }

    func page(of stream: DurableStream, after position: StreamOffset, bytes: Int, _ now: Int64) -> StreamSlice? {
        let key = Key(stream: ObjectIdentifier(stream), after: position, bytes: bytes)
        return state.withLock { $0.take(key, now) }
    }

    /// Whether the page behind a position is worth reading before somebody asks for it.
    func wantsAhead(of stream: DurableStream, after position: StreamOffset, bytes: Int, _ now: Int64) -> Bool {
        guard bytes <= maximumBytes / 16 else { return false }
        let key = Key(stream: ObjectIdentifier(stream), after: position, bytes: bytes)
        return state.withLock { state in
            state.pages[key] == nil
                && (state.ahead < Self.maximumAhead || state.removeAhead(before: now - Self.maximumAge))
        }
    }

    /// Keeps a page if it is one that stays as it is, or one that a reader will ask for at once.
    func keep(_ slice: StreamSlice, of stream: DurableStream, bytes: Int, _ now: Int64, isAhead: Bool = false) {
        let size = slice.body.storageCapacity
        guard !slice.isAtTail || isAhead, size <= maximumBytes / 4 else { return }
        let key = Key(stream: ObjectIdentifier(stream), after: slice.after, bytes: bytes)
        state.withLock { state in
            state.remove(key)
            while state.bytes + size > maximumBytes || state.pages.count >= Self.maximumPages,
                let oldest = state.pages.min(by: { $0.value.used < $1.value.used })
            {
                state.remove(oldest.key)
            }
            state.pages[key] = Page(stream: stream, slice: slice, used: now, isAhead: isAhead)
            state.bytes += size
            if isAhead { state.ahead += 1 }
        }
        // It may have gone meanwhile.
        if stream.state.withLock({ $0.phase == .gone }) { drop(stream) }
    }

    /// Forgets a stream's pages.
    func drop(_ stream: DurableStream) { remove { $0.stream === stream } }

    /// Forgets what nobody has read since a time.
    func tidy(before limit: Int64) { remove { $0.used < limit } }

    private func remove(_ isOver: (Page) -> Bool) {
        state.withLock { state in
            for (key, page) in state.pages where isOver(page) { state.remove(key) }
        }
    }
}
