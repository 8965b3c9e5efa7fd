import Dispatch
public import Logging
import Synchronization
public import ThroughlineCore

/// The store that needs nothing but a folder: a write-ahead log for all streams, and SQLite for what is older.
///
/// One server uses a folder at a time. `close` has to be called before the last reference goes, and not from a completion.
public final class EmbeddedLogStore: LogStore {
    /// 32 random bytes, made with the folder: the same for as long as the data is the same.
    public let identity: [UInt8]

    private let folder: StoreFolder
    private let files: FileSystem
    private let archive: Archive
    private let index: StreamIndex
    private let queue: OperationQueue
    private let pool: SegmentPool
    private let inbox: MoverInbox
    private let writer: CommitWriter
    private let mover: SegmentMover
    /// `nil` when whoever opened the store drives it, step by step.
    private let threads: (writer: WorkerThread, mover: WorkerThread, pool: WorkerThread)?
    /// Completions of what came after the store was closed, where there are no threads.
    private let refused = Monitor<[LogCompletion]>([])

    /// Opens the store in a folder, which is made when it is not there, and reads back what a crash left.
    ///
    /// Throws `failed` when another server has the folder, `corrupt` with file and place when something durable cannot be
    /// read and the damage cannot be confined to streams, `full` when there is no room.
    public convenience init(
        directory: String, configuration: StoreConfiguration = .init(), logger: Logger
    ) throws(StoreError) {
        try self.init(directory: directory, configuration: configuration, logger: logger, hasThreads: true)
    }

    /// - Parameter hasThreads: False: nothing happens but by `stepWriter`, `stepMover` and `stepPool`, all called on one thread.
    package init(
        directory: String, configuration: StoreConfiguration, logger: Logger, hasThreads: Bool
    ) throws(StoreError) {
        let parts = try Self.open(directory, configuration.bounded, logger)
        folder = parts.folder
        identity = parts.folder.identity
        files = configuration.fileSystem
        archive = parts.archive
        index = parts.index
        queue = parts.queue
        pool = parts.pool
        inbox = parts.inbox
        writer = parts.writer
        mover = parts.mover
        guard hasThreads else {
            threads = nil
            return
        }
        threads = (
            WorkerThread(name: "tl-log-writer") { [writer] in writer.run() },
            WorkerThread(name: "tl-log-mover", niceness: Self.backgroundNiceness) { [mover] in mover.run() },
            WorkerThread(name: "tl-log-spares", niceness: Self.backgroundNiceness) { [pool] in pool.run() }
        )
    }

    /// Enough to let an event loop go first, and not so much that records pile up in the log under full load.
    private static let backgroundNiceness: Int32 = 5

    /// Commits what is queued. False when there was nothing.
    package func stepWriter() -> Bool {
        let late = refused.change { list in
            defer { list = [] }
            return list
        }
        for completion in late { completion(.failure(.closed)) }
        return writer.step() || !late.isEmpty
    }

    /// Moves a segment, or finishes erasures. False when there was nothing, or it failed.
    package func stepMover() -> Bool { mover.step() }

    /// Prepares a spare segment. False when none is missing.
    package func stepPool() -> Bool { pool.step() }

    public func onCommit(_ handler: @escaping @Sendable () -> Void) {
        writer.handler.withLock { $0.run = handler }
    }

    public func append(_ append: LogAppend, completion: @escaping LogCompletion) {
        precondition(!append.records.isEmpty, "an append has at least one record")
        if !queue.add(.append(append, completion)) { refuse(completion) }
    }

    public func append(deferring append: LogAppend, completion: @escaping LogCompletion) {
        precondition(!append.records.isEmpty, "an append has at least one record")
        if !queue.add(.append(append, completion), isDeferred: threads != nil) { refuse(completion) }
    }

    public func commitDeferred() {
        if threads != nil { writer.commitAlone() }
    }

    public func erase(_ stream: StreamID, completion: @escaping LogCompletion) {
        if !queue.add(.erase(stream, completion)) { refuse(completion) }
    }

    public func trim(_ stream: StreamID, upTo last: SequenceNumber) {
        guard case .live(let tail) = index.status(of: stream) else { return }
        inbox.add(PendingTrim(stream: stream, last: min(last, tail).rawValue))
    }

    public func thin(_ stream: StreamID, removing events: [SequenceNumber], completion: @escaping LogCompletion) {
        let isTaken = inbox.add(
            PendingThinning(stream: stream, events: events.map(\.rawValue).sorted(), completion: completion))
        if !isTaken { refuse(completion) }
    }

    public func thinnable(_ stream: StreamID) -> SequenceNumber { SequenceNumber(index.moved(of: stream) ?? 0) }

    private func refuse(_ completion: @escaping LogCompletion) {
        if threads == nil { return refused.change { $0.append(completion) } }
        DispatchQueue.global().async { completion(.failure(.closed)) }
    }

    public func status(of stream: StreamID) -> StreamStatus { index.status(of: stream) }

    /// What the store has done and holds. Cheap.
    public var metrics: StoreMetrics {
        index.state.withLock { state in
            var metrics = state.metrics
            metrics.segments = state.segments.count
            metrics.backlogRecords = state.segments.values.reduce(0) { $0 + $1.records }
            metrics.damagedStreams = state.damage.count
            return metrics
        }
    }

    public func read(
        _ stream: StreamID, after: SequenceNumber, limit: ReadLimit
    ) throws(StoreError) -> [LogRecord] {
        var page = RecordPage(after: after, limit: limit)
        try fill(&page, of: stream)
        return page.records
    }

    public func readPayloads(
        of stream: StreamID, after: SequenceNumber, limit: ReadLimit,
        _ take: (SequenceNumber, UnsafeRawBufferPointer) -> Void
    ) throws(StoreError) {
        try withoutActuallyEscaping(take) { (take) throws(StoreError) in
            var page = RecordPage(after: after, limit: limit, take: take)
            try fill(&page, of: stream)
        }
    }

    private func fill(_ page: inout RecordPage, of stream: StreamID) throws(StoreError) {
        guard let snapshot = try index.snapshot(stream, after: page.after, bytes: page.limit.bytes) else { return }
        defer { index.release(snapshot) }
        if snapshot.needsArchive {
            do {
                try archive.read(stream, movedUpTo: snapshot.movedCommit, to: snapshot.archiveEnd, into: &page)
            } catch {
                // Its rows may have gone while they were read.
                throw index.status(of: stream) == .erased ? .erased : StoreError(archive: error)
            }
        }
        try readLog(stream, snapshot, into: &page)
    }

    private func readLog(
        _ stream: StreamID, _ snapshot: StreamIndex.Snapshot, into page: inout RecordPage
    ) throws(StoreError) {
        let block = ByteBlock(capacity: 16 << 10)
        var segments = snapshot.segments.makeIterator()
        var segment = segments.next()
        var rest = snapshot.stretches[...]
        while let first = rest.first, !page.isFull {
            while let current = segment, current.logNumber != first.logNumber { segment = segments.next() }
            guard let segment else { preconditionFailure("a stretch is in no segment") }
            let near = rest.prefixInOnePiece
            try read(near, of: stream, in: segment, block, into: &page)
            rest = rest.dropFirst(near.count)
        }
    }

    /// Reads entries of the log that stand close together with one call.
    private func read(
        _ stretches: ArraySlice<Stretch>, of stream: StreamID, in segment: Segment, _ block: ByteBlock,
        into page: inout RecordPage
    ) throws(StoreError) {
        guard let first = stretches.first, let last = stretches.last else { return }
        let length = last.end - Int(first.offset)
        block.removeAll(keeping: 1 << 20)
        let room = UnsafeMutableRawBufferPointer(start: block.extend(by: length), count: length)
        do throws(SystemCallError) {
            _ = try files.read(segment.file.descriptor, room, Int(first.offset))
        } catch { throw .failed(error.description) }
        for stretch in stretches where !page.isFull {
            guard case .intact(let entry) = LogEntry.decode(block.bytes, at: Int(stretch.offset - first.offset)),
                entry.stream == stream, entry.expecting == stretch.before,
                RecordPacking.unpack(block.bytes.part(entry.records), from: entry.expecting, into: &page)
            else { throw .corrupt("\(segment.place(Int(stretch.offset))), stream \(stream)") }
        }
    }

    public func forEachStream(_ body: (StreamID, SequenceNumber, [UInt8]) -> Void) throws(StoreError) {
        let (known, isClosed) = index.state.withLock { state in
            (state.entries.filter { $0.value.isListed }.mapValues { ($0.tail, $0.summary) }, state.isClosed)
        }
        if isClosed { throw .closed }
        var left = known
        do {
            // Where the summary has moved meanwhile, the row's tail is the newer one.
            try archive.forEachStream { row in
                guard let (tail, summary) = left.removeValue(forKey: row.name) else { return }
                body(row.name, SequenceNumber(max(tail, row.tail)), summary ?? row.summary ?? [])
            }
        } catch { throw StoreError(archive: error) }
        for (stream, (tail, summary)) in left { body(stream, SequenceNumber(tail), summary ?? []) }
    }

    public func saveCheckpoint(_ checkpoint: Checkpoint, of stream: StreamID) {
        guard checkpoint.bytes.count <= Checkpoint.maximumBytes, case .live(let tail) = index.status(of: stream),
            checkpoint.sequence <= tail
        else { return }
        inbox.add(PendingCheckpoint(stream: stream, checkpoint: checkpoint))
    }

    public var takesCheckpoints: Bool { inbox.takesCheckpoints }

    public func checkpoint(of stream: StreamID) throws(StoreError) -> Checkpoint? {
        guard case .live(let tail) = index.status(of: stream) else { return nil }
        do {
            let checkpoint = try archive.checkpoint(of: stream)
            return checkpoint.flatMap { $0.sequence <= tail ? $0 : nil }
        } catch { throw StoreError(archive: error) }
    }

    /// What a backup pulls from.
    func makeBackup(at now: Timestamp) throws -> StoreBackup {
        if index.state.withLock({ $0.isClosed }) { throw StoreError.closed }
        return try StoreBackup(
            archive: archive, index: index, files: files, identity: identity, storeTag: folder.tag, at: now)
    }

    public func close() {
        guard queue.close() else { return }
        inbox.hurry()
        if threads == nil { while stepWriter() || stepMover() {} }
        threads?.writer.join()
        inbox.stop()
        threads?.mover.join()
        pool.stop()
        threads?.pool.join()
        let segments = index.state.withLock { state in
            state.isClosed = true
            return state.segments
        }
        while index.state.withLock({ $0.reads > 0 }) { pauseBriefly() }
        for segment in segments.values { files.close(segment.file.descriptor) }
        mover.close()
        pool.close()
        archive.close()
        folder.unlock()
    }
}

extension StreamEntry {
    fileprivate var isListed: Bool { state == .live || state == .damaged }
}
