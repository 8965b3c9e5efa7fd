import Foundation
import GRDB
import Glibc
public import ThroughlineCore

/// What a restore made.
public struct RestoreOutcome: Sendable {
    /// When the backup was begun.
    public var takenAt: Timestamp
    public var report: FolderReport
}

extension DataFolder {
    /// Makes this folder, which must not be there or be empty, from a backup, and verifies it.
    ///
    /// The store gets an identity of its own, so that no file of the original is ever taken for its own.
    ///
    /// - Parameter keepsIdentity: The original's identity instead: only when the original is given up.
    public func restore(
        from backup: String, keepsIdentity: Bool = false, progress: (String) -> Void = { _ in }
    ) throws(StoreError) -> RestoreOutcome {
        do {
            guard try !files.exists(path) || files.list(path).isEmpty else {
                throw StoreError.failed("\(path) is not empty. Restore into a new folder")
            }
            var file = try BackupFile(path: backup, files)
            defer { file.close() }
            let restore = try BackupRestore(folder: path, files: files, first: try file.next())
            let takenAt = try restore.run(&file, keepsIdentity: keepsIdentity, progress)
            progress("verifying \(path)")
            let report = try FolderInspection(path, files, progress: { _ in }).report
            guard !report.needsRepair else {
                throw StoreError.corrupt("what was restored is not whole: \(report.findings[0].text)")
            }
            return RestoreOutcome(takenAt: takenAt, report: report)
        } catch { throw StoreError(archive: error) }
    }
}

/// Writes the blocks of a backup into a new folder.
private struct BackupRestore {
    let folder: String
    let files: FileSystem
    let takenAt: Timestamp
    let identity: [UInt8]
    let commit: UInt64
    let log: UInt64

    init(folder: String, files: FileSystem, first: BackupBlock) throws {
        self.folder = folder
        self.files = files
        var payload = BackupPayload(first.payload)
        guard first.kind == .begin else { throw StoreError.corrupt("the backup has no beginning") }
        let version = payload.number(UInt32.self)
        guard version == BackupBlock.version else {
            throw StoreError.failed("the backup has format \(version), and this program reads \(BackupBlock.version)")
        }
        takenAt = Timestamp(rawValue: payload.number(Int64.self))
        identity = payload.bytes(StoreIdentity.count)
        commit = payload.number(UInt64.self)
        log = payload.number(UInt64.self)
        guard payload.isGood else { throw StoreError.corrupt("the backup's beginning is too short") }
    }

    func run(_ file: inout BackupFile, keepsIdentity: Bool, _ progress: (String) -> Void) throws -> Timestamp {
        try files.createDirectory(folder)
        try files.createDirectory(folder + "/log")
        let path = folder + "/" + ArchiveInspection.file
        files.close(try files.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600))
        var configuration = StoreConfiguration()
        configuration.fileSystem = files
        let archive = try Archive(path: path, configuration)
        defer { archive.close() }
        var writer = RestoreWriter(archive: archive, storeTag: identity.withUnsafeBytes { $0.get(UInt64.self, at: 0) })
        writer.lastLog = log
        try archive.pool.write { db in
            try db.execute(
                sql: "UPDATE position SET moved = ?, log = ?",
                arguments: [Int64(bitPattern: commit), Int64(bitPattern: log)])
        }
        var (told, isDone) = (0, false)
        while !isDone {
            isDone = try writer.write(try file.next())
            if file.offset - told > 64 << 20 {
                told = file.offset
                progress("\(told >> 20) MiB restored")
            }
        }
        try archive.truncateLog()
        // Last: without it the folder is not a store.
        try StoreIdentity.write(
            keepsIdentity ? identity : files.randomBytes(StoreIdentity.count), in: folder, files)
        return takenAt
    }
}

/// Collects blocks and writes them in transactions.
private struct RestoreWriter {
    let archive: Archive
    let storeTag: UInt64
    var lastLog: UInt64 = 0

    private var waiting: [BackupBlock] = []
    private var waitingBytes = 0
    private var counts: (streams: UInt64, stretches: UInt64, commits: UInt64) = (0, 0, 0)
    private let batchBytes = 16 << 20

    init(archive: Archive, storeTag: UInt64) {
        self.archive = archive
        self.storeTag = storeTag
    }

    /// True when this was the last block.
    mutating func write(_ block: BackupBlock) throws -> Bool {
        if block.kind != waiting.first?.kind || waitingBytes > batchBytes { try flush() }
        if block.kind == .end {
            try checkEnd(block)
            return true
        }
        waiting.append(block)
        waitingBytes += block.payload.count
        return false
    }

    private func checkEnd(_ block: BackupBlock) throws {
        var payload = BackupPayload(block.payload)
        let noted = (0..<3).map { _ in payload.number(UInt64.self) }
        guard noted == [counts.streams, counts.stretches, counts.commits] else {
            throw StoreError.corrupt("the backup is not complete")
        }
    }

    private mutating func flush() throws {
        guard let kind = waiting.first?.kind else { return }
        let blocks = waiting
        waiting = []
        waitingBytes = 0
        switch kind {
        case .stream: counts.streams += UInt64(blocks.count)
        case .stretch: counts.stretches += UInt64(blocks.count)
        case .commit:
            counts.commits += UInt64(blocks.count)
            return try move(blocks)
        default: break
        }
        try archive.pool.write { db in
            for block in blocks { try Self.insert(block, db) }
        }
    }

    private static func insert(_ block: BackupBlock, _ db: Database) throws {
        var payload = BackupPayload(block.payload)
        switch block.kind {
        case .stream:
            let (id, tail, isErased) = (
                payload.number(Int64.self), payload.number(Int64.self), payload.number(UInt8.self)
            )
            let sizes = (0..<3).map { _ in payload.number(UInt32.self) }
            let name = StreamID(String(decoding: payload.bytes(Int(sizes[0])), as: UTF8.self))
            var row = Archive.StreamRow(name: name, tail: UInt64(bitPattern: tail), isErased: isErased != 0)
            row.summary = payload.optional(sizes[1])
            row.damage = payload.optional(sizes[2]).map { String(decoding: $0, as: UTF8.self) }
            try row.insert(id: id, db)
        case .stretch:
            let numbers = (0..<4).map { _ in payload.number(Int64.self) }
            try db.execute(
                sql: "INSERT INTO stretches (id, stream, last, moved, records) VALUES (?, ?, ?, ?, ?)",
                arguments: [numbers[0], numbers[1], numbers[2], numbers[3], Data(payload.remaining())])
        case .damagedEntry:
            let (stream, length) = (payload.number(Int64.self), payload.number(UInt32.self))
            let place = String(decoding: payload.bytes(Int(length)), as: UTF8.self)
            try db.execute(
                sql: "INSERT INTO damaged_entries VALUES (?, ?, ?)",
                arguments: [stream, place, Data(payload.remaining())])
        case .begin, .commit, .end: throw StoreError.corrupt("the backup's blocks are out of order")
        }
        guard payload.isGood else { throw StoreError.corrupt("a block of the backup is too short") }
    }

    /// Commits of the log go the way they would have gone in the original.
    private mutating func move(_ blocks: [BackupBlock]) throws {
        var bytes: [UInt8] = []
        var contents = SegmentContents()
        var headers: [(Int, CommitHeader)] = []
        for block in blocks {
            let header = block.payload.withUnsafeBytes { CommitHeader.decode($0, at: 0, storeTag: storeTag) }
            guard let header else { throw StoreError.corrupt("a commit of the backup cannot be read") }
            headers.append((bytes.count, header))
            bytes += block.payload
        }
        guard let last = headers.last?.1 else { return }
        lastLog = max(lastLog, last.logNumber)
        let log = lastLog
        try bytes.withUnsafeBytes { bytes in
            for (offset, header) in headers { contents.add(bytes, at: offset, header) }
            if contents.unreadable != nil { throw StoreError.corrupt("a commit of the backup cannot be read") }
            let file = SegmentFile(id: 0, path: "the backup", descriptor: -1, capacity: bytes.count)
            try archive.move(
                contents, bytes, of: Segment(file: file, logNumber: log), upTo: last.commitNumber,
                isErased: { _ in false })
        }
    }
}

extension Archive.StreamRow {
    /// Writes the row under a number of its own choice, unless name or number are there.
    func insert(id: Int64, _ db: Database) throws {
        try db.execute(
            sql: """
                INSERT OR IGNORE INTO streams (id, name, tail, summary, erased, damage, checksum)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                id, name.rawValue, Int64(bitPattern: tail), summary.map { Data($0) }, isErased, damage, Int64(checksum),
            ])
    }
}
