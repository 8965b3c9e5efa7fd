import Logging
import Synchronization
import ThroughlineCore

/// Takes what is queued, lays out a commit, writes it, makes it durable, tells everybody: one commit at a time, mostly on a
/// thread of its own.
///
/// `@unchecked Sendable` is true because everything here is only used by who has taken a batch from the queue, which is one at
/// a time, but for `handler`, which has a lock of its own, and the current segment's variables, which are changed under the
/// index's.
final class CommitWriter: @unchecked Sendable {
    let queue: OperationQueue
    let index: StreamIndex
    let pool: SegmentPool
    let mover: MoverInbox
    let files: FileSystem
    let storeTag: UInt64
    let configuration: StoreConfiguration
    let logger: Logger
    let handler = Mutex(CommitHandler())

    var segment: Segment?
    var position = 0
    var lastCommit: UInt64
    var lastLogNumber: UInt64
    /// How long the last one took.
    var lastSynchronization = Duration.zero
    /// Set once the disk has failed: why.
    var failure: StoreError?

    let block = ByteBlock(capacity: 256 << 10)
    var batch: [StoreOperation] = []
    var entries: [StreamEntry] = []
    var placements: [CommitPlacement] = []

    init(
        queue: OperationQueue, index: StreamIndex, pool: SegmentPool, mover: MoverInbox, storeTag: UInt64,
        lastCommit: UInt64, lastLogNumber: UInt64, configuration: StoreConfiguration, logger: Logger
    ) {
        self.queue = queue
        self.index = index
        self.pool = pool
        self.mover = mover
        self.storeTag = storeTag
        self.lastCommit = lastCommit
        self.lastLogNumber = lastLogNumber
        self.configuration = configuration
        self.logger = logger
        files = configuration.fileSystem
    }

    /// The body of the thread: ends when the queue is closed and empty.
    func run() {
        while queue.take(&batch) { commitBatch() }
    }

    /// The same for what is queued now, without waiting. False when there was nothing.
    func step() -> Bool {
        guard queue.takeNow(&batch) else { return false }
        commitBatch()
        return true
    }

    /// Commits the little that the calling event loop has queued, by itself, if that is quick: it saves two switches of threads.
    func commitAlone() {
        if queue.takeAlone(&batch) { commitBatch() }
    }

    private func commitBatch() {
        let count = batch.count
        defer { queue.done(count, isQuick: isQuick) }
        index.lookUp(batch, into: &entries)
        var start = 0
        while start < batch.count { start = commit(from: start) }
        index.dropAbsent(batch, entries)
        batch.removeAll(keepingCapacity: batch.count < 1 << 16)
        entries.removeAll(keepingCapacity: batch.count < 1 << 16)
    }

    /// Whether the next small commit will need neither another segment nor much time.
    private var isQuick: Bool {
        guard failure == nil, let segment else { return false }
        return lastSynchronization < .microseconds(800) && segment.file.capacity - position > 256 << 10
    }

    /// Makes one commit of the operations from `start`, as many as fit. Returns the first that is not in it.
    private func commit(from start: Int) -> Int {
        let end = layOut(from: start)
        let count = placements.reduce(0) { $0 + ($1.length > 0 ? 1 : 0) }
        if count > 0 {
            if let error = store(count) {
                abandon(error, from: start)
            } else {
                publish(from: start)
            }
        }
        complete(from: start)
        return end
    }

    /// Decides each operation and writes the good ones into the block, behind room for the header.
    private func layOut(from start: Int) -> Int {
        placements.removeAll(keepingCapacity: true)
        block.removeAll(keeping: 2 * configuration.maximumCommitBytes)
        _ = block.extend(by: CommitHeader.size)
        var position = start
        while position < batch.count, block.count < configuration.maximumCommitBytes {
            placements.append(place(batch[position], entries[position]))
            position += 1
        }
        return position
    }

    private func place(_ operation: StoreOperation, _ entry: StreamEntry) -> CommitPlacement {
        let offset = block.count
        switch operation {
        case .finished: return CommitPlacement()
        case .erase(let stream, _):
            if let failure { return CommitPlacement(error: failure) }
            guard stream.isValid else { return CommitPlacement(error: .tooLarge) }
            entry.isDecidedErased = true
            return CommitPlacement(offset: offset, length: LogEntry.encode(erasing: stream, into: block))
        case .append(let append, _):
            let bytes = append.byteCount
            if let error = refusal(append, entry, bytes) { return CommitPlacement(error: error) }
            entry.decidedTail = append.tail.rawValue
            let length = LogEntry.encode(append, into: block)
            return CommitPlacement(
                offset: offset, length: length, payloadBytes: bytes - (append.summary?.count ?? 0))
        }
    }

    private func refusal(_ append: LogAppend, _ entry: StreamEntry, _ bytes: Int) -> StoreError? {
        if let failure { return failure }
        if entry.isDecidedErased { return .erased }
        if index.isDamaged(entry) { return .corrupt("stream \(append.stream.rawValue)") }
        if bytes > LogAppend.maximumBytes || !append.stream.isValid { return .tooLarge }
        if let summary = append.summary, summary.count > LogEntry.maximumSummaryBytes { return .tooLarge }
        // Notes without bytes cost room too: twice the bytes is the most that one entry may take.
        if append.records.count > LogAppend.maximumBytes / RecordPacking.headerSize { return .tooLarge }
        guard entry.decidedTail == append.expecting.rawValue else {
            return .conflict(tail: SequenceNumber(entry.decidedTail))
        }
        return nil
    }

    private func abandon(_ error: StoreError, from start: Int) {
        for position in placements.indices where placements[position].length > 0 {
            placements[position] = CommitPlacement(error: error)
            index.state.withLock { _ in entries[start + position].resetDecisions() }
        }
    }

    private func complete(from start: Int) {
        for (position, placement) in placements.enumerated() {
            let operation = batch[start + position]
            if let error = placement.error {
                operation.complete(.failure(error))
            } else if case .erase(let stream, let completion) = operation {
                queue.willErase()
                mover.add(PendingErasure(stream: stream, commit: lastCommit, completion: completion))
            } else {
                operation.complete(.success(()))
            }
        }
        handler.withLock { $0 }.run()
    }
}

/// What runs after the completions of a commit. In a structure of its own: a bare closure in a `Mutex` is wrapped once more each
/// time that it is reached, and gets slower for ever.
struct CommitHandler {
    var run: @Sendable () -> Void = {}
}

/// What became of one operation of a commit.
struct CommitPlacement {
    var error: StoreError?
    /// Place in the commit; no length when nothing is written.
    var offset = 0
    var length = 0
    var payloadBytes = 0
}

extension StreamID {
    /// Whether the name has a length that can be written.
    var isValid: Bool { (1...LogEntry.maximumNameBytes).contains(rawValue.utf8.count) }
}
