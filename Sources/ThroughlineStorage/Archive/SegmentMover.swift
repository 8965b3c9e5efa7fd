import Logging
import ThroughlineCore

/// The thread that moves sealed segments into SQLite, oldest first, and finishes erasures.
///
/// `@unchecked Sendable` is true because the variables are only used by the mover's thread.
final class SegmentMover: @unchecked Sendable {
    private let inbox: MoverInbox
    private let index: StreamIndex
    private let archive: Archive
    private let pool: SegmentPool
    private let queue: OperationQueue
    private let files: FileSystem
    private let storeTag: UInt64
    private let logger: Logger

    private var moved: UInt64
    /// Segments whose contents have moved and whose files are not given back yet.
    private var done: [Segment] = []
    /// Rows were deleted that still stand in SQLite's own log.
    private var mustTruncate = false
    /// ``settle()`` has not come to its end.
    private var isUnsettled = false
    private var failures = 0
    private let block = ByteBlock(capacity: 4096)
    /// Memory for a segment, which the next one needs again. That of an oversized one is given back.
    private let keptBytes = 32 << 20

    init(
        inbox: MoverInbox, index: StreamIndex, archive: Archive, pool: SegmentPool, queue: OperationQueue,
        files: FileSystem, storeTag: UInt64, moved: UInt64, logger: Logger
    ) {
        self.inbox = inbox
        self.index = index
        self.archive = archive
        self.pool = pool
        self.queue = queue
        self.files = files
        self.storeTag = storeTag
        self.moved = moved
        self.logger = logger
    }

    /// The body of the thread.
    func run() {
        while true {
            let work = inbox.next(moved: moved, isUnsettled: isUnsettled)
            if case .stop = work { return }
            if let error = attempt(work) {
                giveUp(inbox.pause(milliseconds: min(60_000, 100 << min(failures, 10))), error)
            }
        }
    }

    /// The same for what there is to do now, without waiting. False when nothing could be done.
    func step() -> Bool {
        guard let work = inbox.nextNow(moved: moved, isUnsettled: isUnsettled) else { return false }
        if case .stop = work { return false }
        guard let error = attempt(work) else { return true }
        return giveUp(inbox.pause(milliseconds: 0), error)
    }

    /// What went wrong, if anything did.
    private func attempt(_ work: MoverInbox.Work) -> StoreError? {
        do {
            try perform(work)
            failures = 0
            return nil
        } catch {
            failures += 1
            logger.error("records could not be moved", metadata: ["error": "\(error)"])
            return StoreError(archive: error)
        }
    }

    private func perform(_ work: MoverInbox.Work) throws {
        switch work {
        case .stop: return
        case .move(let segment):
            try settle()
            try move(segment)
            try settle()
        case .finish(let erasures):
            try settle()
            pool.endErasing(erasures.count)
            inbox.remove(erasures)
            for erasure in erasures { queue.finish(.finished(erasure.stream, erasure.completion, .success(()))) }
        case .save(let checkpoints): save(checkpoints)
        case .trim(let trims): trim(trims)
        case .thin(let thinning): thin(thinning)
        }
    }

    /// Rows that one step lets go: about as many bytes as a segment brings.
    private static let trimmedRows = 128

    /// Lets go of what has moved. Nothing depends on it, and whoever asked asks again after a start.
    private func trim(_ trims: [PendingTrim]) {
        var ready: [PendingTrim] = []
        for trim in trims {
            guard let moved = index.moved(of: trim.stream) else { continue }
            if moved >= trim.last { ready.append(trim) } else { inbox.add(trim, isNew: false) }
        }
        guard !ready.isEmpty else { return }
        do {
            let done = try archive.trim(ready, maximumRows: Self.trimmedRows)
            for trim in ready where !done.contains(trim.stream) { inbox.add(trim) }
        } catch { logger.warning("old records could not be let go", metadata: ["error": "\(error)"]) }
    }

    /// Nothing depends on it: what goes wrong is said, and that is all.
    private func save(_ checkpoints: [PendingCheckpoint]) {
        do {
            try archive.save(checkpoints.filter { index.status(of: $0.stream) != .erased })
        } catch { logger.warning("checkpoints could not be saved", metadata: ["error": "\(error)"]) }
    }

    /// Lets single events go, as many as fit in one step.
    private func thin(_ thinning: PendingThinning) {
        var thinning = thinning
        do {
            guard let moved = index.moved(of: thinning.stream) else { throw StoreError.erased }
            guard thinning.events.last ?? 0 <= moved else { throw StoreError.failed("events that have not moved") }
            let count = try archive.thin(
                thinning.stream, removing: thinning.events[thinning.done...], maximumRows: Self.trimmedRows)
            thinning.done += count
            guard thinning.done == thinning.events.count else {
                if !inbox.add(thinning) { thinning.completion(.failure(.closed)) }
                return
            }
            thinning.completion(.success(()))
        } catch StoreError.erased {
            thinning.completion(.failure(.erased))
        } catch {
            logger.warning("records could not be let go", metadata: ["error": "\(error)"])
            thinning.completion(.failure(StoreError(archive: error)))
        }
    }

    private func move(_ segment: Segment) throws {
        let bytes = try load(segment)
        let contents = try contents(of: segment, bytes)
        for (stream, content) in contents.streams {
            guard let damage = content.damaged.first else { continue }
            logger.error(
                "a record is damaged",
                metadata: ["tl.stream": "\(stream)", "place": "\(segment.place(damage.lowerBound))"])
            index.markDamaged(stream, segment.place(damage.lowerBound))
        }
        let last = index.state.withLock { _ in segment.lastCommit }
        try archive.move(contents, bytes, of: segment, upTo: last) { index.status(of: $0) == .erased }
        index.remove(segment, contents)
        moved = last
        // Also without anybody who waits for it: the erasure may be from before a crash.
        mustTruncate = mustTruncate || contents.streams.values.contains { $0.isErased }
        done.append(segment)
        inbox.removeFirst()
        block.removeAll(keeping: keptBytes)
    }

    private func load(_ segment: Segment) throws -> UnsafeRawBufferPointer {
        let used = index.state.withLock { _ in segment.used }
        block.removeAll(keeping: keptBytes)
        let room = UnsafeMutableRawBufferPointer(start: block.extend(by: used), count: used)
        let count = try files.read(segment.file.descriptor, room, 0)
        guard count == used else { throw StoreError.corrupt("\(segment.file.path) ends at \(count)") }
        return block.bytes
    }

    private func contents(of segment: Segment, _ bytes: UnsafeRawBufferPointer) throws -> SegmentContents {
        var contents = SegmentContents()
        var offset = 0
        while offset < bytes.count {
            guard let header = CommitHeader.decode(bytes, at: offset, storeTag: storeTag),
                header.logNumber == segment.logNumber
            else { throw StoreError.corrupt(segment.place(offset)) }
            contents.add(bytes, at: offset, header)
            if let place = contents.unreadable { throw StoreError.corrupt(segment.place(place)) }
            offset += header.stride
        }
        return contents
    }

    /// Empties SQLite's log of what was deleted, gives back the files that no read needs any longer, and zeroes those that may
    /// hold what was erased.
    private func settle() throws {
        isUnsettled = true
        if mustTruncate {
            try archive.truncateLog()
            mustTruncate = false
        }
        while let segment = done.first {
            while index.state.withLock({ _ in segment.readers > 0 }) { pauseBriefly() }
            let file = index.state.withLock { _ in segment.usedFile }
            try pool.recycle(file, isToBeZeroed: segment.isReplayed)
            done.removeFirst()
        }
        try pool.clean()
        isUnsettled = false
    }

    /// False when there was nothing to give up.
    @discardableResult
    private func giveUp(_ erasures: [PendingErasure], _ error: StoreError) -> Bool {
        for erasure in erasures { queue.finish(.finished(erasure.stream, erasure.completion, .failure(error))) }
        return !erasures.isEmpty
    }

    /// Closes the files that are left. After the thread has ended.
    func close() {
        for thinning in inbox.takeThinnings() { thinning.completion(.failure(.closed)) }
        closeFiles()
    }

    private func closeFiles() { for segment in done { files.close(segment.file.descriptor) } }
}

extension StreamIndex {
    /// Up to which event a stream is in SQLite; `nil` where nothing of it is to be changed.
    func moved(of stream: StreamID) -> UInt64? {
        state.withLock { state in
            guard let entry = state.entries[stream], entry.state == .live else { return nil }
            return entry.stretches.first?.before ?? entry.tail
        }
    }

    /// What is in a segment is now in SQLite.
    func remove(_ segment: Segment, _ contents: SegmentContents) {
        // A few streams at a time, so that no commit waits long for the lock.
        state.withLock { state in
            state.leaving = (segment.logNumber, state.movedCommit)
            state.movedCommit = segment.lastCommit
        }
        var streams = contents.streams.keys.makeIterator()
        while state.withLock({ $0.forget(&streams, upTo: segment.logNumber) }) {}
        state.withLock { state in
            state.leaving = nil
            state.segments[segment.logNumber] = nil
            state.metrics.movedSegments += 1
        }
    }
}

extension StreamIndex.State {
    /// Takes a few streams' records in segments up to one out of the index. False when there are no more streams.
    fileprivate mutating func forget(
        _ streams: inout Dictionary<StreamID, SegmentContents.Stream>.Keys.Iterator, upTo log: UInt64
    ) -> Bool {
        for _ in 0..<32 {
            guard let stream = streams.next() else { return false }
            guard let entry = entries[stream] else { continue }
            let rest = entry.stretches.firstPosition { $0.logNumber > log }
            entry.stretches = Array(entry.stretches[rest...])
            if entry.summaryLog <= log { entry.summary = nil }
        }
        return true
    }
}

extension StoreError {
    /// What an error of SQLite, or of a call while moving, means.
    init(archive error: any Error) {
        switch error {
        case let error as StoreError: self = error
        case let error as SystemCallError: self = error.isFull ? .full(error.description) : .failed(error.description)
        default: self = Archive.storeError(error)
        }
    }
}
