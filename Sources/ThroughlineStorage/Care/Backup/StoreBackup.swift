import Foundation
import GRDB
import ThroughlineCore

/// Everything a running store holds at one moment, as a stream of bytes that is pulled.
///
/// What has moved comes from a snapshot of SQLite, the rest from the segments of the log, which are not used again as long
/// as this is open. Writers never wait for it.
///
/// `@unchecked Sendable` is true because the state is only touched by `next` and `close`, under a lock.
final class StoreBackup: @unchecked Sendable {
    private enum Phase { case streams, stretches, damagedEntries, log, done }

    private let snapshot: DatabaseSnapshot
    private let index: StreamIndex
    private let segments: [(segment: Segment, used: Int)]
    private let files: FileSystem
    private let storeTag: UInt64
    private let moved: (commit: UInt64, log: UInt64)

    private var phase = Phase.streams
    private var lastRow: Int64 = Int64.min
    private var segmentNumber = 0
    private var offset = 0
    private var lastCommit: UInt64
    private var counts: (streams: UInt64, stretches: UInt64, commits: UInt64) = (0, 0, 0)
    private var blockNumber: UInt32 = 0
    private var output: [UInt8] = BackupBlock.magic
    private var isClosed = false
    private let lock = Monitor(())
    /// A piece is about so long.
    private let pieceBytes = 256 << 10

    init(
        archive: Archive, index: StreamIndex, files: FileSystem, identity: [UInt8], storeTag: UInt64, at now: Timestamp
    ) throws {
        self.index = index
        self.files = files
        self.storeTag = storeTag
        var view: View?
        for _ in 0..<10 where view == nil { view = try View(archive, index) }
        // Each time more segments were written and moved than there are in a moment.
        guard let view else { throw StoreError.failed("the log moves too fast for a backup. Try again") }
        (segments, snapshot, moved) = (view.segments, view.snapshot, view.moved)
        lastCommit = moved.commit
        var begin: [UInt8] = []
        begin.append(BackupBlock.version)
        begin.append(now.rawValue)
        begin += identity
        begin.append(moved.commit)
        begin.append(moved.log)
        put(.begin, begin)
    }

    /// SQLite at one moment, and the log with all that it says of what is in SQLite then.
    private struct View {
        let segments: [(segment: Segment, used: Int)]
        let snapshot: DatabaseSnapshot
        let moved: (commit: UInt64, log: UInt64)

        /// `nil` where the log was too fast.
        init?(_ archive: Archive, _ index: StreamIndex) throws {
            // The log first: an archive that is newer than the log fits it, and an older one does not.
            let pinned = index.pinSegments()
            do {
                snapshot = try archive.pool.makeSnapshot()
                moved = try snapshot.read { db in
                    guard let row = try Row.fetchOne(db, sql: "SELECT moved, log FROM position") else {
                        throw StoreError.corrupt("archive.sqlite, table position")
                    }
                    return (UInt64(bitPattern: row[0]), UInt64(bitPattern: row[1]))
                }
            } catch {
                index.unpin(pinned)
                throw error
            }
            // And what came meanwhile: events may be missing from the archive since a note that is in no segment at the first look.
            guard let segments = index.pinMore(pinned, movedLog: moved.log) else {
                index.unpin(pinned)
                return nil
            }
            self.segments = segments
        }
    }

    /// The next bytes of the file; `nil` at its end. Blocks while it reads.
    func next() throws -> [UInt8]? {
        try lock.withLock { _ in
            if isClosed { throw StoreError.closed }
            while output.count < pieceBytes, phase != .done { try fill() }
            defer { output = [] }
            return output.isEmpty ? nil : output
        }
    }

    /// Lets the log's segments be used again. May be called more than once.
    func close() {
        lock.withLock { _ in
            if isClosed { return }
            isClosed = true
            index.unpin(segments.map(\.segment))
            try? snapshot.close()
        }
    }

    private func put(_ kind: BackupBlock.Kind, _ payload: [UInt8]) {
        BackupBlock(kind: kind, number: blockNumber, payload: payload).encode(into: &output)
        blockNumber &+= 1
    }

    private func fill() throws {
        switch phase {
        case .streams: try rows("SELECT * FROM streams WHERE id > ? ORDER BY id LIMIT 500", then: .stretches, putStream)
        case .stretches:
            try rows("SELECT * FROM stretches WHERE id > ? ORDER BY id LIMIT 20", then: .damagedEntries, putStretch)
        case .damagedEntries:
            let sql = "SELECT rowid AS id, * FROM damaged_entries WHERE rowid > ? ORDER BY rowid LIMIT 20"
            try rows(sql, then: .log, putDamagedEntry)
        case .log: try putCommit()
        case .done: return
        }
    }

    private func rows(_ sql: String, then next: Phase, _ body: (Row) -> Void) throws {
        let rows = try snapshot.read { try Row.fetchAll($0, sql: sql, arguments: [lastRow]) }
        for row in rows { body(row) }
        if let last = rows.last {
            lastRow = last["id"]
        } else {
            phase = next
            lastRow = Int64.min
        }
    }

    private func putStream(_ row: Row) {
        let (name, summary, damage) = (row["name"] as String, row["summary"] as Data?, row["damage"] as String?)
        var payload: [UInt8] = []
        payload.append(row["id"] as Int64)
        payload.append(row["tail"] as Int64)
        payload.append(UInt8(row["erased"] as Bool ? 1 : 0))
        payload.append(UInt32(name.utf8.count))
        payload.append(summary.map { UInt32($0.count) + 1 } ?? 0)
        payload.append(damage.map { UInt32($0.utf8.count) + 1 } ?? 0)
        payload += Array(name.utf8) + (summary.map(Array.init) ?? []) + Array((damage ?? "").utf8)
        counts.streams += 1
        put(.stream, payload)
    }

    private func putStretch(_ row: Row) {
        var payload: [UInt8] = []
        for column in ["id", "stream", "last", "moved"] { payload.append(row[column] as Int64) }
        payload += Array(row["records"] as Data)
        counts.stretches += 1
        put(.stretch, payload)
    }

    private func putDamagedEntry(_ row: Row) {
        let place = row["place"] as String
        var payload: [UInt8] = []
        payload.append(row["stream"] as Int64)
        payload.append(UInt32(place.utf8.count))
        payload += Array(place.utf8) + Array(row["bytes"] as Data)
        put(.damagedEntry, payload)
    }

    /// The next commit of the log that is not in the snapshot.
    private func putCommit() throws {
        guard segmentNumber < segments.count else { return putEnd() }
        let (segment, used) = segments[segmentNumber]
        guard segment.logNumber > moved.log, offset < used else {
            segmentNumber += 1
            offset = 0
            return
        }
        let head = try bytes(of: segment, CommitHeader.size)
        let header = head.withUnsafeBytes { CommitHeader.decode($0, at: 0, storeTag: storeTag) }
        guard let header, header.logNumber == segment.logNumber, offset + header.stride <= used else {
            throw StoreError.corrupt(segment.place(offset))
        }
        put(.commit, try bytes(of: segment, Int(header.length)))
        counts.commits += 1
        lastCommit = header.commitNumber
        offset += header.stride
    }

    private func bytes(of segment: Segment, _ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let (files, offset) = (files, offset)
        let read = try bytes.withUnsafeMutableBytes { try files.read(segment.file.descriptor, $0, offset) }
        guard read == count else { throw StoreError.corrupt("\(segment.place(offset)): the file ends too early") }
        return bytes
    }

    private func putEnd() {
        var payload: [UInt8] = []
        for number in [counts.streams, counts.stretches, counts.commits, lastCommit] { payload.append(number) }
        put(.end, payload)
        phase = .done
    }
}

extension StreamIndex {
    /// The segments with commits that have not moved, in order. They are kept until `unpin`.
    fileprivate func pinSegments() -> [Segment] {
        state.withLock { state in
            let segments = state.segments.values.sorted { $0.logNumber < $1.logNumber }
            for segment in segments { segment.readers += 1 }
            state.reads += 1
            return segments
        }
    }

    /// The same segments and those behind them, and how much of each is durable now. `nil` where one is missing between them.
    fileprivate func pinMore(_ pinned: [Segment], movedLog: UInt64) -> [(segment: Segment, used: Int)]? {
        state.withLock { state in
            let last = max(pinned.last?.logNumber ?? 0, movedLog)
            let more = state.segments.values.filter { $0.logNumber > pinned.last?.logNumber ?? 0 }
                .sorted { $0.logNumber < $1.logNumber }
            if let next = more.first, next.logNumber > last + 1 { return nil }
            for segment in more { segment.readers += 1 }
            return (pinned + more).map { ($0, $0.used) }
        }
    }

    fileprivate func unpin(_ segments: [Segment]) {
        state.withLock { state in
            for segment in segments { segment.readers -= 1 }
            state.reads -= 1
        }
    }
}
