import Synchronization
import ThroughlineCore

/// Where every stream is: what the writer publishes, what reads look up, what the mover takes away.
final class StreamIndex: Sendable {
    struct State {
        var entries: [StreamID: StreamEntry] = [:]
        /// Segments with commits that have not moved, by log number.
        var segments: [UInt64: Segment] = [:]
        /// All commits up to this one are in SQLite.
        var movedCommit: UInt64 = 0
        /// While the records of a segment leave the index, stream by stream: its log number, and what had moved before it.
        var leaving: (log: UInt64, movedBefore: UInt64)?
        /// What is wrong with each damaged stream.
        var damage: [StreamID: String] = [:]
        var metrics = StoreMetrics()
        /// Reads under way, which closing waits for.
        var reads = 0
        var isClosed = false
    }

    /// What a read needs, taken at one moment. `segments` are pinned until `release`.
    struct Snapshot {
        var stretches: [Stretch] = []
        var segments: [Segment] = []
        /// Whether records after the asked number are in SQLite, in rows up to `movedCommit`.
        var needsArchive = false
        /// Up to this number SQLite has to have them.
        var archiveEnd: UInt64 = 0
        var movedCommit: UInt64 = 0
    }

    /// Not a `Mutex`, though nobody waits here: the thread sanitizer sees pthread locks and reports false races with `Mutex`.
    let state = Monitor(State())
    /// False as long as no stream is damaged, which saves the writer a lock for each append.
    private let hasDamage = Atomic(false)

    func status(of stream: StreamID) -> StreamStatus {
        state.withLock { state in
            guard let entry = state.entries[stream] else { return .absent }
            switch entry.state {
            case .absent: return .absent
            case .live, .damaged: return .live(tail: SequenceNumber(entry.tail))
            case .erased: return .erased
            }
        }
    }

    /// Finds or makes the entries of streams, all under one lock.
    func lookUp(_ operations: [StoreOperation], into entries: inout [StreamEntry]) {
        state.withLock { state in
            for operation in operations { entries.append(state.entry(operation.stream)) }
        }
    }

    /// Drops the entries of streams that did not come into being after all.
    func dropAbsent(_ operations: [StoreOperation], _ entries: [StreamEntry]) {
        state.withLock { state in
            for (operation, entry) in zip(operations, entries) where entry.state == .absent {
                state.entries[operation.stream] = nil
            }
        }
    }

    /// What is durable after a number, pinned until `release`. `nil` when there is no such stream.
    func snapshot(_ stream: StreamID, after: UInt64, bytes: Int) throws(StoreError) -> Snapshot? {
        let result: Result<Snapshot?, StoreError> = state.withLock { state in
            if state.isClosed { return .failure(.closed) }
            guard let entry = state.entries[stream] else { return .success(nil) }
            switch entry.state {
            case .absent: return .success(nil)
            case .erased: return .failure(.erased)
            case .damaged: return .failure(.corrupt(state.damage[stream] ?? "damaged"))
            case .live:
                state.reads += 1
                return .success(state.snapshot(entry, after: after, bytes: bytes))
            }
        }
        return try result.get()
    }

    /// Ends the pins of a snapshot.
    func release(_ snapshot: Snapshot) {
        state.withLock { state in
            for segment in snapshot.segments { segment.readers -= 1 }
            state.reads -= 1
        }
    }

    /// From now on reads and appends of the stream answer `corrupt`.
    func markDamaged(_ stream: StreamID, _ reason: String) {
        state.withLock { $0.markDamaged(stream, reason) }
        hasDamage.store(true, ordering: .releasing)
    }

    /// Damage may have been noted while the store opened.
    func noticeDamage() { hasDamage.store(state.withLock { !$0.damage.isEmpty }, ordering: .releasing) }

    func isDamaged(_ entry: StreamEntry) -> Bool {
        hasDamage.load(ordering: .acquiring) && state.withLock { _ in entry.state == .damaged }
    }
}

extension StreamIndex.State {
    mutating func entry(_ stream: StreamID) -> StreamEntry {
        if let entry = entries[stream] { return entry }
        let entry = StreamEntry()
        entries[stream] = entry
        return entry
    }

    /// See ``StreamIndex/markDamaged(_:_:)``.
    mutating func markDamaged(_ stream: StreamID, _ reason: String) {
        let entry = entry(stream)
        if entry.state == .erased { return }
        entry.state = .damaged
        damage[stream] = damage[stream] ?? reason
    }

    /// Up to which commit SQLite's rows count for a stream: not for what is still found in the log.
    private func movedCommit(of entry: StreamEntry) -> UInt64 {
        if let leaving, let first = entry.stretches.first, first.logNumber <= leaving.log { return leaving.movedBefore }
        return movedCommit
    }

    fileprivate func snapshot(_ entry: StreamEntry, after: UInt64, bytes: Int) -> StreamIndex.Snapshot {
        var snapshot = StreamIndex.Snapshot(movedCommit: movedCommit(of: entry))
        guard entry.tail > after else { return snapshot }
        let stretches = entry.stretches
        snapshot.archiveEnd = stretches.first?.before ?? entry.tail
        snapshot.needsArchive = snapshot.archiveEnd > after
        var index = stretches.firstPosition { $0.last > after }
        var total = 0
        // One more than needed: it may begin with notes of the page's last event.
        var isEnough = false
        while index < stretches.count, !isEnough {
            let stretch = stretches[index]
            isEnough = total > bytes && stretch.last > stretch.before
            snapshot.stretches.append(stretch)
            if snapshot.segments.last?.logNumber != stretch.logNumber, let segment = segments[stretch.logNumber] {
                segment.readers += 1
                snapshot.segments.append(segment)
            }
            // Of the first one, any part may be before the page.
            if snapshot.stretches.count > 1 { total += Int(stretch.payloadBytes) }
            index += 1
        }
        return snapshot
    }
}

extension Array {
    /// The first index whose element has a property that all after it have too.
    func firstPosition(where isBehind: (Element) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if isBehind(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
