import Synchronization
import ThroughlineCore

extension StreamEngine {
    /// Streams whose paths begin with something, in order of their paths' bytes, after a path: at most `limit`. Looks through all of
    /// them, on a thread for that.
    public func list(
        prefix: String, after: String?, limit: Int, then completion: @escaping @Sendable ([StreamStanding]) -> Void
    ) {
        pool.run { [self] in completion(list(prefix: prefix, after: after, limit: limit)) }
    }

    private func list(prefix: String, after: String?, limit: Int) -> [StreamStanding] {
        // Others wait for the shelf: it is only copied there.
        let streams = shelf.withLock { Array($0.streams) }
        let now = environment.time
        var first = FirstPaths<DurableStream>(limit)
        for (path, stream) in streams
        where path.value.utf8.starts(with: prefix.utf8)
            && after.map({ $0.utf8.lexicographicallyPrecedes(path.value.utf8) }) ?? true && first.takes(path)
        {
            let isShown = stream.state.withLock { $0.phase == .live && !$0.isExpired(now) }
            if isShown { first.add(stream, at: path) }
        }
        return first.items.map(\.value.status)
    }
}

/// The first so many of what comes in no order: what is behind them costs one comparison.
private struct FirstPaths<Value> {
    private(set) var items: [(path: StreamPath, value: Value)] = []
    private let limit: Int

    init(_ limit: Int) { self.limit = limit }

    func takes(_ path: StreamPath) -> Bool {
        guard items.count >= limit, let last = items.last else { return limit > 0 }
        return path < last.path
    }

    mutating func add(_ value: Value, at path: StreamPath) {
        var (low, high) = (0, items.count)
        while low < high {
            let middle = (low + high) / 2
            if items[middle].path < path { low = middle + 1 } else { high = middle }
        }
        if items.count == limit { items.removeLast() }
        items.insert((path, value), at: low)
    }
}
