import Foundation
import GRDB
import ThroughlineCore

extension Archive {
    /// Writes the contents of a segment and the new position, all or nothing.
    ///
    /// Doing it again after it was committed does not happen: the position tells.
    func move(
        _ contents: SegmentContents, _ bytes: UnsafeRawBufferPointer, of segment: Segment, upTo commit: UInt64,
        isErased: (StreamID) -> Bool
    ) throws {
        try pool.write { db in
            for (name, stream) in contents.streams {
                if stream.isErased || isErased(name) {
                    try Self.erase(name, db)
                } else {
                    try store(name, stream, bytes, segment, commit, db)
                }
            }
            try db.execute(
                sql: "UPDATE position SET moved = ?, log = ?",
                arguments: [Int64(bitPattern: commit), Int64(bitPattern: segment.logNumber)])
        }
    }

    private static func erase(_ name: StreamID, _ db: Database) throws {
        let id = try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT id FROM streams WHERE name = ?"), arguments: [name.rawValue])
        if let id {
            try db.execute(sql: "DELETE FROM stretches WHERE stream = ?", arguments: [id])
            try db.execute(sql: "DELETE FROM damaged_entries WHERE stream = ?", arguments: [id])
        }
        try db.execute(sql: "DELETE FROM checkpoints WHERE name = ?", arguments: [name.rawValue])
        _ = try upsert(StreamRow(name: name, tail: 0, isErased: true), db)
    }

    private func store(
        _ name: StreamID, _ stream: SegmentContents.Stream, _ bytes: UnsafeRawBufferPointer, _ segment: Segment,
        _ commit: UInt64, _ db: Database
    ) throws {
        let old = try Row.fetchOne(
            db.cachedStatement(sql: "SELECT tail, summary, damage FROM streams WHERE name = ?"),
            arguments: [name.rawValue])
        var row = StreamRow(name: name, tail: max(stream.tail, UInt64(bitPattern: old?[0] ?? 0)), isErased: false)
        row.damage = old?[2]
        row.summary = stream.summary.map { Array(bytes[$0]) } ?? old.flatMap { $0[1] as Data? }.map { Array($0) }
        if let damage = stream.damaged.first, row.damage == nil { row.damage = segment.place(damage.lowerBound) }
        let id = try Self.upsert(row, db)
        for damage in stream.damaged {
            try db.execute(
                sql: "INSERT INTO damaged_entries VALUES (?, ?, ?)",
                arguments: [id, segment.place(damage.lowerBound), Data(bytes[damage])])
        }
        try insert(stream.pieces, of: id, bytes, commit, db)
    }

    private static func upsert(_ row: StreamRow, _ db: Database) throws -> Int64 {
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO streams (name, tail, summary, erased, damage, checksum) VALUES (?, ?, ?, ?, ?, ?)
                ON CONFLICT (name) DO UPDATE SET tail = excluded.tail, summary = excluded.summary,
                erased = excluded.erased, damage = excluded.damage, checksum = excluded.checksum RETURNING id
                """)
        return try Int64.fetchOne(
            statement,
            arguments: [
                row.name.rawValue, Int64(bitPattern: row.tail), row.summary.map { Data($0) }, row.isErased, row.damage,
                Int64(row.checksum),
            ])!
    }

    /// One row for as many neighbours as fit.
    private func insert(
        _ pieces: [SegmentContents.Piece], of id: Int64, _ bytes: UnsafeRawBufferPointer, _ commit: UInt64,
        _ db: Database
    ) throws {
        let block = ByteBlock(capacity: 64 << 10)
        let statement = try db.cachedStatement(
            sql: "INSERT INTO stretches (stream, last, moved, records) VALUES (?, ?, ?, ?)")
        var first = 0
        while first < pieces.count {
            StretchRow.begin(block)
            var next = first
            while next < pieces.count, next == first || pieces.follow(next, block.count, maximumRowBytes) {
                let source = bytes.part(pieces[next].records)
                block.extend(by: source.count).copy(source)
                next += 1
            }
            let last = pieces[next - 1].last
            StretchRow.seal(block, before: pieces[first].before, last: last)
            let blob = Data(bytesNoCopy: block.base, count: block.count, deallocator: .none)
            try statement.execute(
                arguments: [id, Int64(bitPattern: last), Int64(bitPattern: commit), blob])
            first = next
        }
    }
}

extension [SegmentContents.Piece] {
    /// Whether a piece goes on where the one before it ends, and fits behind it in a row.
    fileprivate func follow(_ position: Int, _ size: Int, _ maximum: Int) -> Bool {
        self[position].before == self[position - 1].last && size + self[position].records.count <= maximum
    }
}

extension Segment {
    /// A place in this segment, for people.
    func place(_ offset: Int) -> String { "\(file.path) at \(offset)" }
}
