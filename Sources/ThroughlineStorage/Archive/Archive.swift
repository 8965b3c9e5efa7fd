import Foundation
import GRDB
import ThroughlineCore

/// SQLite: where a stream's records are after they have moved from the log.
///
/// Three tables: `streams` (name, tail, summary, erased, damage), `stretches` (one row per stretch of one stream), `position`
/// (one row: the last commit that has moved). Everything of one segment comes in one transaction with the new position.
final class Archive: Sendable {
    let pool: DatabasePool
    let maximumRowBytes: Int

    init(path: String, _ configuration: StoreConfiguration) throws {
        maximumRowBytes = configuration.maximumRowBytes
        var settings = Configuration()
        settings.label = "throughline.archive"
        settings.maximumReaderCount = configuration.maximumReaders
        settings.busyMode = .timeout(10)
        settings.prepareDatabase { try $0.execute(sql: "PRAGMA secure_delete = ON") }
        pool = try DatabasePool(path: path, configuration: settings)
        // GRDB sets NORMAL in WAL mode, with which a commit would not survive a loss of power.
        try pool.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA synchronous = FULL")
            guard try Int.fetchOne(db, sql: "PRAGMA synchronous") == 2 else {
                throw StoreError.failed("SQLite does not take synchronous = FULL")
            }
        }
        try pool.write { try $0.execute(sql: Self.schema) }
        try truncateLog()
    }

    private static let schema = """
        CREATE TABLE IF NOT EXISTS streams (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, tail INTEGER NOT NULL, summary BLOB,
            erased INTEGER NOT NULL DEFAULT 0, damage TEXT, checksum INTEGER NOT NULL);
        CREATE TABLE IF NOT EXISTS stretches (
            id INTEGER PRIMARY KEY, stream INTEGER NOT NULL, last INTEGER NOT NULL, moved INTEGER NOT NULL,
            records BLOB NOT NULL);
        CREATE INDEX IF NOT EXISTS stretches_in_order ON stretches (stream, last);
        CREATE TABLE IF NOT EXISTS damaged_entries (stream INTEGER NOT NULL, place TEXT NOT NULL, bytes BLOB NOT NULL);
        CREATE TABLE IF NOT EXISTS position (
            id INTEGER PRIMARY KEY CHECK (id = 1), moved INTEGER NOT NULL, log INTEGER NOT NULL);
        INSERT OR IGNORE INTO position VALUES (1, 0, 0);
        """

    /// The last commit that has moved, and the highest log number that was in use up to it.
    func position() throws -> (commit: UInt64, log: UInt64) {
        try pool.read { db in
            let row = try Row.fetchOne(db, sql: "SELECT moved, log FROM position")!
            return (UInt64(bitPattern: row[0]), UInt64(bitPattern: row[1]))
        }
    }

    /// Makes the write-ahead log of SQLite empty, so that no deleted byte stays in it.
    func truncateLog() throws {
        let blocked = try pool.writeWithoutTransaction { db in
            try Int.fetchOne(db, sql: "PRAGMA wal_checkpoint(TRUNCATE)") ?? 1
        }
        if blocked != 0 { throw StoreError.full("SQLite is busy reading: its log could not be emptied") }
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

    /// Calls `body` with every stream. A row with a bad checksum throws.
    func forEachStream(_ body: (StreamRow) -> Void) throws {
        try pool.read { db in
            let rows = try Row.fetchCursor(db, sql: "SELECT name, tail, summary, erased, damage, checksum FROM streams")
            while let row = try rows.next() {
                let stream = StreamRow(
                    name: StreamID(row[0]), tail: UInt64(bitPattern: row[1]),
                    summary: try row.withUnsafeData(atIndex: 2) { $0.map(Array.init) }, isErased: row[3], damage: row[4]
                )
                guard row[5] == Int64(stream.checksum) else {
                    throw StoreError.corrupt("archive.sqlite, table streams, stream \(stream.name)")
                }
                body(stream)
            }
        }
    }

    /// Adds to a page the records of a stream in rows that moved up to a commit.
    func read(_ stream: StreamID, movedUpTo commit: UInt64, into page: inout RecordPage) throws {
        let after = Int64(bitPattern: page.after)
        page = try pool.read { [page] db in
            var page = page
            let rows = try Row.fetchCursor(
                db.cachedStatement(sql: Self.readSQL),
                arguments: [stream.rawValue, after, Int64(bitPattern: commit)])
            while !page.isFull, let row = try rows.next() {
                try row.withUnsafeData(atIndex: 1) { data in
                    try (data ?? .init()).withUnsafeBytes { bytes in
                        guard StretchRow.unpack(bytes, last: UInt64(bitPattern: row[2]), into: &page) else {
                            let id: Int64 = row[0]
                            throw StoreError.corrupt("archive.sqlite, table stretches, row \(id), stream \(stream)")
                        }
                    }
                }
            }
            return page
        }
    }

    private static let readSQL = """
        SELECT id, records, last FROM stretches
        WHERE stream = (SELECT id FROM streams WHERE name = ?) AND last > ? AND moved <= ? ORDER BY last, id
        """
}

extension Archive.StreamRow {
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
