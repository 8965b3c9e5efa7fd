import Logging
import ThroughlineCore

extension EmbeddedLogStore {
    struct Parts {
        var folder: StoreFolder
        var archive: Archive
        var index: StreamIndex
        var queue: OperationQueue
        var pool: SegmentPool
        var inbox: MoverInbox
        var writer: CommitWriter
        var mover: SegmentMover
    }

    /// Everything of a store but its threads.
    static func open(
        _ directory: String, _ configuration: StoreConfiguration, _ logger: Logger
    ) throws(StoreError) -> Parts {
        let folder = try StoreFolder(directory, configuration.fileSystem)
        do {
            return try open(folder, configuration, logger)
        } catch {
            folder.unlock()
            throw StoreError(archive: error)
        }
    }

    private static func open(
        _ folder: StoreFolder, _ configuration: StoreConfiguration, _ logger: Logger
    ) throws -> Parts {
        try folder.createArchive()
        let archive = try Archive(path: folder.archivePath, configuration, isNew: folder.isNew)
        // SQLite makes the names of its files durable when it makes them, and a process that died then left that undone.
        try configuration.fileSystem.synchronizeDirectory(folder.path)
        if folder.version < StoreFormat.version {
            // The archive has its new tables. Until this is durable a crash leaves a folder that is upgraded again.
            try folder.writeVersion()
            logger.notice(
                "the data folder was upgraded",
                metadata: ["tl.format.from": "\(folder.version)", "tl.format.to": "\(StoreFormat.version)"])
        }
        let index = StreamIndex()
        let position = try archive.position()
        try index.load(archive, movedCommit: position.commit)
        var recovery = LogRecovery(
            folder: folder, configuration: configuration, index: index, position: position, logger: logger)
        try recovery.run()
        index.endRecovery()
        try folder.settle()

        let queue = OperationQueue()
        let inbox = MoverInbox()
        // What was written before is not written to again: it moves, and a torn end in it is never mistaken for a commit.
        for segment in recovery.segments { inbox.add(sealed: segment) }
        let pool = SegmentPool(
            folder, configuration, ready: recovery.spares, nextID: recovery.nextID, logger: logger)
        let writer = CommitWriter(
            queue: queue, index: index, pool: pool, mover: inbox, storeTag: folder.tag,
            lastCommit: recovery.expected - 1, lastLogNumber: recovery.lastLog, configuration: configuration,
            logger: logger)
        let mover = SegmentMover(
            inbox: inbox, index: index, archive: archive, pool: pool, queue: queue, files: configuration.fileSystem,
            storeTag: folder.tag, moved: position.commit, logger: logger)
        return Parts(
            folder: folder, archive: archive, index: index, queue: queue, pool: pool, inbox: inbox, writer: writer,
            mover: mover)
    }
}

extension StreamIndex {
    /// Takes in what SQLite knows.
    fileprivate func load(_ archive: Archive, movedCommit: UInt64) throws {
        try state.withLock { state in
            state.movedCommit = movedCommit
            try archive.forEachStream { row in
                state.entries[row.name] = StreamEntry(state: row.isErased ? .erased : .live, tail: row.tail)
                if let damage = row.damage { state.markDamaged(row.name, damage) }
            }
            for name in try archive.lostStreams() where state.entries[name] == nil {
                state.markDamaged(name, "archive.sqlite, table streams: its row is missing")
            }
        }
    }

    /// From now on the writer decides, beginning with what is durable.
    fileprivate func endRecovery() {
        state.withLock { for entry in $0.entries.values { entry.resetDecisions() } }
        noticeDamage()
    }
}
