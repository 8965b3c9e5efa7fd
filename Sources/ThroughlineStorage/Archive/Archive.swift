import Foundation
import GRDB
import Glibc
import ThroughlineCore

/// SQLite: where a stream's records are after they have moved from the log.
///
/// Three tables: `streams` (name, tail, summary, erased, damage), `stretches` (one row per stretch of one stream), `position`
/// (one row: the last commit that has moved). Everything of one segment comes in one transaction with the new position.
/// A fourth, `checkpoints`, holds copies that may be lost.
final class Archive: Sendable {
    let pool: DatabasePool
    let maximumRowBytes: Int
    /// The version of the format that was found; `nil` where the archive is new.
    let foundVersion: Int?
    private let files: FileSystem

    /// - Parameter isNew: Whether the file may be empty, and has to be.
    init(path: String, _ configuration: StoreConfiguration, isNew: Bool = true) throws {
        maximumRowBytes = configuration.maximumRowBytes
        files = configuration.fileSystem
        try Self.checkLog(path, configuration.fileSystem)
        var settings = Configuration()
        settings.label = "throughline.archive"
        settings.maximumReaderCount = configuration.maximumReaders
        settings.busyMode = .timeout(10)
        settings.prepareDatabase { db in
            try db.execute(sql: "PRAGMA secure_delete = ON")
            try db.execute(sql: "PRAGMA page_size = \(configuration.pageBytes)")
            try PageBlanking.begin(db)
        }
        pool = try DatabasePool(path: path, configuration: settings)
        foundVersion = try pool.writeWithoutTransaction { db in
            try Self.setFullySynchronous(db)
            if try !isNew && !db.tableExists("position") { throw StoreError.corrupt("\(path) is empty") }
            return try Self.upgrade(db)
        }
        try pool.read { db in
            let isUsed = try Int.fetchOne(db, sql: "SELECT max(moved) > 0 FROM position") ?? 0
            if isNew, isUsed != 0 { throw StoreError.corrupt("\(path) is in use, but its identity is missing") }
        }
        try truncateLog()
    }

    /// SQLite ignores all that stands behind a damaged place of its log: then what had moved would be gone unnoticed.
    private static func checkLog(_ path: String, _ files: FileSystem) throws {
        guard files.exists(path + "-wal") else { return }
        let pages = try SQLitePages(path: path, files)
        if let (offset, _) = pages.damagedFrames.first { throw StoreError.corrupt("\(path)-wal at \(offset)") }
    }

    /// GRDB sets NORMAL in WAL mode, with which a commit would not survive a loss of power.
    static func setFullySynchronous(_ db: Database) throws {
        try db.execute(sql: "PRAGMA synchronous = FULL")
        guard try Int.fetchOne(db, sql: "PRAGMA synchronous") == 2 else {
            throw StoreError.failed("SQLite does not take synchronous = FULL")
        }
    }

    static let schema = """
        CREATE TABLE IF NOT EXISTS streams (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, tail INTEGER NOT NULL, summary BLOB,
            erased INTEGER NOT NULL DEFAULT 0, damage TEXT, checksum INTEGER NOT NULL);
        CREATE TABLE IF NOT EXISTS stretches (
            id INTEGER PRIMARY KEY, stream INTEGER NOT NULL, last INTEGER NOT NULL, moved INTEGER NOT NULL,
            records BLOB NOT NULL);
        CREATE INDEX IF NOT EXISTS stretches_in_order ON stretches (stream, last);
        CREATE TABLE IF NOT EXISTS damaged_entries (stream INTEGER NOT NULL, place TEXT NOT NULL, bytes BLOB NOT NULL);
        CREATE TABLE IF NOT EXISTS checkpoints (
            name TEXT PRIMARY KEY, sequence INTEGER NOT NULL, checksum INTEGER NOT NULL, bytes BLOB NOT NULL);
        CREATE TABLE IF NOT EXISTS position (
            id INTEGER PRIMARY KEY CHECK (id = 1), moved INTEGER NOT NULL, log INTEGER NOT NULL);
        INSERT OR IGNORE INTO position VALUES (1, 0, 0);
        """

    /// What SQLite notes of each table and index of the schema, by their names.
    static let expectedSchema: [String: String] = {
        do {
            return try DatabaseQueue().write { db in
                try db.execute(sql: schema)
                let rows = try Row.fetchAll(db, sql: "SELECT name, coalesce(sql, '') FROM sqlite_schema")
                return Dictionary(uniqueKeysWithValues: rows.map { ($0[0], $0[1]) })
            }
        } catch { preconditionFailure("the schema of the archive is no SQL: \(error)") }
    }()

    /// The last commit that has moved, and the highest log number that was in use up to it.
    func position() throws -> (commit: UInt64, log: UInt64) {
        try pool.read { db in
            guard let row = try Row.fetchOne(db, sql: "SELECT moved, log FROM position"),
                let commit = Int64.fromDatabaseValue(row[0]), let log = Int64.fromDatabaseValue(row[1])
            else { throw StoreError.corrupt("archive.sqlite, table position") }
            return (UInt64(bitPattern: commit), UInt64(bitPattern: log))
        }
    }

    /// Makes the write-ahead log of SQLite empty, so that no deleted byte stays in it.
    func truncateLog() throws {
        let blocked = try pool.writeWithoutTransaction { db in
            try Int.fetchOne(db, sql: "PRAGMA wal_checkpoint(TRUNCATE)") ?? 1
        }
        if blocked != 0 { throw StoreError.full("SQLite is busy reading: its log could not be emptied") }
        // SQLite does not synchronize the cut: after a loss of power the bytes would be in the file again.
        let descriptor = try files.open(pool.path + "-wal", O_RDWR | O_CLOEXEC, 0)
        defer { files.close(descriptor) }
        try files.synchronize(descriptor)
    }

    func close() {
        // Only tidiness: what is in SQLite's log is read from there the next time.
        try? truncateLog()
        try? pool.close()
    }
}

extension Archive {
    /// One row of `streams`.
    struct StreamRow {
        var name: StreamID
        var tail: UInt64
        var summary: [UInt8]?
        var isErased: Bool
        var damage: String?
    }

    /// Calls `body` with every stream. A row with a bad checksum is a damaged stream without a summary; one without a name is passed
    /// over, for ``lostStreams()`` to find.
    func forEachStream(_ body: (StreamRow) -> Void) throws {
        try pool.read { db in
            let rows = try Row.fetchCursor(db, sql: "SELECT name, tail, summary, erased, damage, checksum FROM streams")
            while let row = try rows.next() {
                if let stream = try StreamRow(row) { body(stream) }
            }
        }
    }

    /// The names that SQLite's index has and the table has not. Throws where a row has no name, and the index does not tell whose it is.
    func lostStreams() throws -> [StreamID] {
        try pool.read { db in
            // A column that must not be null may be, in a damaged row: what SQLite takes for granted is asked in another way.
            let table = """
                SELECT count(CASE typeof(name) WHEN 'text' THEN 1 END),
                    total(CASE typeof(name) WHEN 'text' THEN id END), max(CASE typeof(name) WHEN 'text' THEN -1 ELSE id END)
                FROM streams NOT INDEXED
                """
            let (inIndex, inTable) = (
                try Row.fetchOne(
                    db, sql: "SELECT count(*), total(id) FROM streams INDEXED BY \(Self.nameIndex) WHERE name >= ''"),
                try Row.fetchOne(db, sql: table)
            )
            guard let inIndex, let inTable else { return [] }
            let unnamed = Int64.fromDatabaseValue(inTable[2]).flatMap { $0 < 0 ? nil : $0 }
            if inIndex[0] == inTable[0] as Int64, inIndex[1] == inTable[1] as Double, unnamed == nil { return [] }
            let all = try String.fetchAll(
                db, sql: "SELECT name FROM streams INDEXED BY \(Self.nameIndex) WHERE name >= ''")
            let there = Set(
                try String.fetchAll(db, sql: "SELECT name FROM streams NOT INDEXED WHERE typeof(name) = 'text'"))
            let lost = all.filter { !there.contains($0) }
            if let unnamed, lost.isEmpty {
                throw StoreError.corrupt("archive.sqlite, table streams, row \(unnamed): it has no name")
            }
            return lost.map { StreamID($0) }
        }
    }

    private static let nameIndex = "sqlite_autoindex_streams_1"

    /// Adds to a page the records of a stream in rows that moved up to a commit.
    ///
    /// A damaged page of SQLite can hide a row, or show another stream's: so rows are looked up in the table itself, not
    /// only in its index, and have to go on one from the other up to `end`, where the log or the stream's tail takes over.
    func read(_ stream: StreamID, movedUpTo commit: UInt64, to end: UInt64, into page: inout RecordPage) throws {
        page = try pool.read { [page] db in
            var page = page
            let id = try Self.row(of: stream, db)
            let rows = try Row.fetchCursor(
                db.cachedStatement(sql: Self.readSQL),
                arguments: [id, Int64(bitPattern: page.after), Int64(bitPattern: commit)])
            var reached: UInt64?
            while !page.isFull, let row = try rows.next() {
                let (id, last): (Int64, UInt64) = (row[0], UInt64(bitPattern: row[2]))
                try row.withUnsafeData(atIndex: 1) { data in
                    try (data ?? .init()).withUnsafeBytes { bytes in
                        guard let before = StretchRow.unpack(bytes, last: last, into: &page) else {
                            throw StoreError.corrupt("archive.sqlite, table stretches, row \(id), stream \(stream)")
                        }
                        guard reached.map({ $0 == before }) ?? (before <= page.after) else {
                            throw Self.gap(after: reached ?? page.after, stream)
                        }
                    }
                }
                reached = last
            }
            if !page.isFull, reached ?? page.after < end { throw Self.gap(after: reached ?? page.after, stream) }
            return page
        }
    }

    /// The number of a stream's row, by the index, if the row there is that stream's.
    static func row(of stream: StreamID, _ db: Database) throws -> Int64 {
        let id = try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT id FROM streams WHERE name = ?"), arguments: [stream.rawValue])
        let name = try String.fetchOne(
            db.cachedStatement(sql: "SELECT name FROM streams WHERE id = ?"), arguments: [id])
        guard let id, name == stream.rawValue else {
            throw StoreError.corrupt("archive.sqlite, table streams, stream \(stream): its row is missing")
        }
        return id
    }

    private static func gap(after number: UInt64, _ stream: StreamID) -> StoreError {
        .corrupt("archive.sqlite, table stretches, stream \(stream): the records after \(number) are missing")
    }

    private static let readSQL = """
        SELECT t.id, t.records, t.last FROM stretches i CROSS JOIN stretches t ON t.id = i.id
        WHERE i.stream = ? AND i.last > ? AND t.stream = i.stream AND t.moved <= ? ORDER BY i.last, i.id
        """
}

extension Archive.StreamRow {
    /// `nil` where it has no name. Whatever else cannot be what it is has not its checksum either.
    fileprivate init?(_ row: Row) throws {
        guard let name = String.fromDatabaseValue(row[0]) else { return nil }
        self.init(
            name: StreamID(name), tail: UInt64(bitPattern: Int64.fromDatabaseValue(row[1]) ?? 0),
            summary: try row.withUnsafeData(atIndex: 2) { $0.map(Array.init) },
            isErased: Int64.fromDatabaseValue(row[3]) == 1, damage: String.fromDatabaseValue(row[4]))
        guard Int64.fromDatabaseValue(row[5]) != Int64(checksum) else { return }
        damage = "archive.sqlite, table streams: its row does not have its checksum"
        summary = nil
        isErased = false
    }

    /// CRC-32C of the name, the tail (u64), the erased flag (u8) and the summary.
    var checksum: UInt32 {
        var name = name.rawValue
        var crc = name.withUTF8 { Checksum.crc32c(UnsafeRawBufferPointer($0)) }
        crc = withUnsafeBytes(of: tail.littleEndian) { Checksum.crc32c($0, after: crc) }
        crc = withUnsafeBytes(of: UInt8(isErased ? 1 : 0)) { Checksum.crc32c($0, after: crc) }
        return (summary ?? []).withUnsafeBytes { Checksum.crc32c($0, after: crc) }
    }
}

extension Archive {
    static func storeError(_ error: any Error) -> StoreError {
        guard let error = error as? DatabaseError else { return .failed("\(error)") }
        switch error.resultCode {
        case .SQLITE_FULL, .SQLITE_READONLY: return .full(error.description)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: return .corrupt("archive.sqlite: \(error.description)")
        default: return .failed("archive.sqlite: \(error.description)")
        }
    }
}
