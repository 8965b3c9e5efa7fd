import Logging
import Synchronization
import ThroughlineCore

extension DurableStream.State {
    /// A look for superseded messages, if one is due: enough has come that can go.
    ///
    /// - Parameter end: Up to which message the store can let some go.
    func dueCompaction(upTo end: UInt64, atLeast fewest: UInt64) -> StreamCompacting? {
        // What a fork shares has to stay whole: the newer message may be one that the fork has not.
        guard phase == .live, let compaction = summary.settings.compaction, let keeping, !keeping.isUnderWay, forks == 0
        else { return nil }
        let trim = summary.trim ?? StreamTrim()
        let done = max(trim.compacted, trim.first)
        let looked = max(done, keeping.tried)
        guard end > looked, end - looked >= max(fewest, trim.clean / 2) else { return nil }
        return StreamCompacting(compaction, first: trim.first, compacted: trim.compacted, end: end)
    }
}

/// Compaction: of the messages of a JSON stream that have the same key, the newest stays.
extension StreamEngine {
    /// So many streams are compacted at once.
    private static let compactionsAtOnce = 4
    /// A look reads so many bytes, then lets others come between.
    private static let siftBytes = 16 << 20
    private static let stepBytes = 1 << 20

    /// Looks at these streams, or first at those that were not looked at yet, a few at once.
    func compact(_ streams: [DurableStream]) {
        shelf.withLock { if $0.toCompact.isEmpty { $0.toCompact = streams } }
        compactNext()
    }

    private func compactNext() {
        while let stream = shelf.withLock({ shelf -> DurableStream? in
            guard shelf.compactions < Self.compactionsAtOnce, let next = shelf.toCompact.popLast() else { return nil }
            shelf.compactions += 1
            return next
        }) {
            if !compact(stream) { shelf.withLock { $0.compactions -= 1 } }
        }
    }

    /// Compacts a stream if it is due; otherwise false.
    private func compact(_ stream: DurableStream) -> Bool {
        guard stream.mayCompact else { return false }
        let end = store.thinnable(stream.id).rawValue
        let compacting: StreamCompacting? = stream.state.withLock { state in
            let compacting = state.dueCompaction(
                upTo: min(end, state.durable), atLeast: configuration.streamCompactionMessages)
            if compacting != nil { state.keeping?.isUnderWay = true }
            return compacting
        }
        guard let compacting else { return false }
        pool.run(for: stream.id) { [self] in sift(stream, compacting) }
        return true
    }

    private func end(_ stream: DurableStream) {
        shelf.withLock { $0.compactions -= 1 }
        compactNext()
        rest(stream)
    }

    /// Nothing came of it: it is tried again when more has come.
    private func giveUp(_ stream: DurableStream, _ found: StreamCompacting) {
        stream.state.withLock { $0.keeping?.tried = found.end }
        end(stream)
    }

    private func sift(_ stream: DurableStream, _ compacting: StreamCompacting) {
        var compacting = compacting
        var bytes = 0
        do throws(StoreError) {
            while !compacting.isDone, bytes < Self.siftBytes {
                let records = try store.read(
                    stream.id, after: SequenceNumber(compacting.position), limit: ReadLimit(bytes: Self.stepBytes))
                compacting.look(at: records)
                bytes += records.reduce(1) { $0 + $1.payload.count + $1.note.count }
            }
        } catch {
            giveUp(stream, compacting)
            if error == .erased || error == .closed { return }
            return logger.error(
                "a stream cannot be compacted", metadata: ["tl.stream.id": "\(stream.id)", "tl.reason": "\(error)"])
        }
        let found = compacting
        if !found.isDone { return pool.run(for: stream.id) { [self] in sift(stream, found) } }
        if found.superseded.isEmpty { return finish(stream, found) }
        note(on: stream) { [self] machine in
            guard machine.isWorthThinning(bytes: found.bytes) else { return nil }
            return machine.thin(upTo: found.end, at: environment.now())
        } then: { [self] summary in
            if summary != nil { return thin(stream, found) }
            giveUp(stream, found)
        }
    }

    /// The writers need the records no longer: lets them go.
    private func thin(_ stream: DurableStream, _ found: StreamCompacting) {
        // Who forks it from now on knows.
        guard stream.state.withLock({ $0.phase == .live && $0.forks == 0 }) else { return end(stream) }
        store.thin(stream.id, removing: found.superseded) { [self] result in
            guard case .success = result else { return giveUp(stream, found) }
            stream.state.withLock { state in
                state.hot?.window.forget(upTo: SequenceNumber(found.end))
                state.hot?.slice = nil
            }
            finish(stream, found)
        }
    }

    private func finish(_ stream: DurableStream, _ found: StreamCompacting) {
        guard found.isComplete else { return end(stream) }
        note(on: stream) { [self] machine in
            machine.compacted(upTo: found.end, leaving: found.kept, at: environment.now())
        } then: { [self] _ in
            end(stream)
        }
    }
}

extension DurableStream {
    var mayCompact: Bool { state.withLock { $0.summary.settings.compaction != nil } }
}
