import Foundation
import GRDB
import ThroughlineCore

/// A checkpoint on its way to SQLite.
struct PendingCheckpoint: Sendable {
    var stream: StreamID
    var checkpoint: Checkpoint
}

extension Archive {
    /// Writes checkpoints without waiting for the disk: one that a loss of power takes was only a copy.
    ///
    /// What is committed later with a flush flushes these too, and SQLite reads its log only up to what is whole in it.
    func save(_ checkpoints: [PendingCheckpoint]) throws {
        try pool.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA synchronous = NORMAL")
            let result = Result {
                try db.inTransaction {
                    for pending in checkpoints { try Self.save(pending, db) }
                    return .commit
                }
            }
            try Self.setFullySynchronous(db)
            try result.get()
        }
    }

    private static func save(_ pending: PendingCheckpoint, _ db: Database) throws {
        let statement = try db.cachedStatement(sql: "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?)")
        let bytes = pending.checkpoint.bytes
        try bytes.withUnsafeBytes { bytes in
            let blob = Data(
                bytesNoCopy: UnsafeMutableRawPointer(mutating: bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 1)!),
                count: bytes.count, deallocator: .none)
            try statement.execute(
                arguments: [
                    pending.stream.rawValue, Int64(bitPattern: pending.checkpoint.sequence.rawValue),
                    Int64(checksum(of: pending.checkpoint.sequence, pending.stream, bytes)), blob,
                ])
        }
    }

    /// The checkpoint of a stream; throws `corrupt` when it does not have its checksum.
    func checkpoint(of stream: StreamID) throws -> Checkpoint? {
        try pool.read { db in
            let row = try Row.fetchOne(
                db.cachedStatement(sql: "SELECT sequence, checksum, bytes FROM checkpoints WHERE name = ?"),
                arguments: [stream.rawValue])
            guard let row else { return nil }
            let sequence = SequenceNumber(UInt64(bitPattern: row[0]))
            let bytes = try row.withUnsafeData(atIndex: 2) { Array($0 ?? Data()) }
            guard row[1] == Int64(bytes.withUnsafeBytes { Self.checksum(of: sequence, stream, $0) }) else {
                throw StoreError.corrupt("archive.sqlite, table checkpoints, stream \(stream)")
            }
            return Checkpoint(sequence: sequence, bytes: bytes)
        }
    }

    /// CRC-32C of the name, the number (u64) and the bytes.
    static func checksum(
        of sequence: SequenceNumber, _ stream: StreamID, _ bytes: UnsafeRawBufferPointer
    ) -> UInt32 {
        var name = stream.rawValue
        var crc = name.withUTF8 { Checksum.crc32c(UnsafeRawBufferPointer($0)) }
        crc = withUnsafeBytes(of: sequence.rawValue.littleEndian) { Checksum.crc32c($0, after: crc) }
        return Checksum.crc32c(bytes, after: crc)
    }
}
