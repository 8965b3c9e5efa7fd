import Foundation
import GRDB
import ThroughlineCore

/// A stream whose oldest events may go.
struct PendingTrim: Sendable {
    var stream: StreamID
    var last: UInt64
}

/// Events in the middle of a stream that are to go, in order.
struct PendingThinning: Sendable {
    var stream: StreamID
    var events: [UInt64]
    /// So many of them are gone.
    var done = 0
    var completion: LogCompletion
}

extension Archive {
    /// Lets the events of streams go, all or nothing, but touches only so many rows. What it goes through has moved.
    ///
    /// In their place stands one row with a gap, so that the rows of a stream still go on one from the other from its beginning.
    ///
    /// - Returns: The streams with which it is done.
    func trim(_ trims: [PendingTrim], maximumRows: Int) throws -> Set<StreamID> {
        try pool.write { db in
            var (left, done) = (maximumRows, Set<StreamID>())
            for trim in trims where left > 0 {
                let id = try Self.row(of: trim.stream, db)
                guard try Self.deleteRows(of: id, below: trim.last, &left, db), left > 0 else { continue }
                try Self.cutRow(of: id, trim, &left, db)
                done.insert(trim.stream)
            }
            return done
        }
    }

    /// Puts a gap in the place of the rows that end before a number. False when there are more of them.
    private static func deleteRows(
        of id: Int64, below last: UInt64, _ left: inout Int, _ db: Database
    ) throws -> Bool {
        let statement = try db.cachedStatement(
            sql: """
                SELECT t.id, t.last, length(t.records) FROM stretches i CROSS JOIN stretches t ON t.id = i.id
                WHERE i.stream = ? AND i.last < ? AND t.stream = i.stream ORDER BY i.last, i.id LIMIT ?
                """)
        let found = try Row.fetchAll(statement, arguments: [id, Int64(bitPattern: last), left + 1])
        let rows = found.prefix(left)
        guard let first = rows.first, let end = rows.last else { return true }
        left -= rows.count
        if rows.count > 1 || first[2] != StretchRow.gapSize {
            // The first row's number is the lowest, so the gap stands before what has the same end.
            for row in rows.dropFirst() {
                try db.cachedStatement(sql: "DELETE FROM stretches WHERE id = ?").execute(arguments: [row[0] as Int64])
            }
            let block = ByteBlock(capacity: StretchRow.gapSize)
            StretchRow.putGap(upTo: UInt64(bitPattern: end[1]), into: block)
            try replace(first[0], last: end[1], block, db)
        }
        return found.count == rows.count
    }

    /// Leaves out what goes of the row in which a number stands.
    private static func cutRow(of id: Int64, _ trim: PendingTrim, _ left: inout Int, _ db: Database) throws {
        guard
            let row = try Row.fetchOne(db.cachedStatement(sql: rowSQL), arguments: [id, Int64(bitPattern: trim.last)])
        else { return }
        left -= 1
        let block = ByteBlock(capacity: 64 << 10)
        let isCut: Bool = try row.withUnsafeData(atIndex: 2) { data in
            try (data ?? .init()).withUnsafeBytes { bytes in
                guard let before = StretchRow.cut(bytes, last: UInt64(bitPattern: row[1]), upTo: trim.last, into: block)
                else {
                    throw StoreError.corrupt("archive.sqlite, table stretches, row \(row[0] as Int64)")
                }
                return before < trim.last && block.count != bytes.count
            }
        }
        if isCut { try replace(row[0], last: row[1], block, db) }
    }

    /// Lets single events of a stream go, whose numbers are in order, all or nothing, but changes only so many rows.
    ///
    /// - Returns: How many of them are gone.
    func thin(_ stream: StreamID, removing events: ArraySlice<UInt64>, maximumRows: Int) throws -> Int {
        try pool.write { db in
            let id = try Self.row(of: stream, db)
            var left = events
            var rows = 0
            while let next = left.first, rows < maximumRows {
                rows += 1
                guard let last = try Self.thinRow(of: id, next, left, db) else { break }
                left = left.drop { $0 <= last }
            }
            return rows < maximumRows ? events.count : events.count - left.count
        }
    }

    /// Takes events out of the row in which the first of them stands. Returns the row's last number; `nil` where there is none.
    private static func thinRow(
        of id: Int64, _ next: UInt64, _ events: ArraySlice<UInt64>, _ db: Database
    ) throws -> UInt64? {
        guard let row = try Row.fetchOne(db.cachedStatement(sql: rowSQL), arguments: [id, Int64(bitPattern: next)])
        else { return nil }
        let last = UInt64(bitPattern: row[1])
        let block = ByteBlock(capacity: 64 << 10)
        let isChanged: Bool = try row.withUnsafeData(atIndex: 2) { data in
            try (data ?? .init()).withUnsafeBytes { bytes in
                guard let gone = StretchRow.thin(bytes, last: last, events, into: block) else {
                    throw StoreError.corrupt("archive.sqlite, table stretches, row \(row[0] as Int64)")
                }
                return gone > 0
            }
        }
        if isChanged { try replace(row[0], last: row[1], block, db) }
        return last
    }

    /// The row in which a number stands.
    private static let rowSQL = """
        SELECT t.id, t.last, t.records FROM stretches i CROSS JOIN stretches t ON t.id = i.id
        WHERE i.stream = ? AND i.last >= ? AND t.stream = i.stream ORDER BY i.last, i.id LIMIT 1
        """

    private static func replace(_ id: Int64, last: Int64, _ block: ByteBlock, _ db: Database) throws {
        let blob = Data(bytesNoCopy: block.base, count: block.count, deallocator: .none)
        try db.cachedStatement(sql: "UPDATE stretches SET last = ?, records = ? WHERE id = ?")
            .execute(arguments: [last, blob, id])
    }
}
