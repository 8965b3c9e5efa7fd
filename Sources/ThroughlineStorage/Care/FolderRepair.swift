import Foundation
import GRDB
import Glibc
import ThroughlineCore

/// Writes what still reads of a damaged folder into a new archive.
struct FolderRepair {
    let folder: String
    let files: FileSystem
    let found: FolderInspection
    let progress: (String) -> Void

    private var archivePath: String { folder + "/" + ArchiveInspection.file }
    private var newPath: String { archivePath + ".new" }

    /// Copies every file that is going to change or go. Returns the folder's name.
    func copyAside(name: String) throws -> String {
        let target = folder + "/" + name
        progress("copying what changes to \(target)")
        try files.createDirectory(target)
        try files.createDirectory(target + "/log")
        let segments = Set(found.log.segments.map(\.name)).union(
            found.report.findings.map(\.file).filter { $0.hasPrefix("log/") })
        let names = ["identity", ArchiveInspection.file, ArchiveInspection.file + "-wal"] + segments.sorted()
        for name in names where files.exists(folder + "/" + name) {
            try files.copy(folder + "/" + name, to: target + "/" + name)
        }
        try files.synchronizeDirectory(target + "/log")
        try files.synchronizeDirectory(target)
        try files.synchronizeDirectory(folder)
        return name
    }

    /// Replaces the archive by one with all that reads, the log's records included.
    func rebuild() throws {
        for suffix in ["", "-wal", "-shm"] where files.exists(newPath + suffix) { try files.remove(newPath + suffix) }
        files.close(try files.open(newPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600))
        var configuration = StoreConfiguration()
        configuration.fileSystem = files
        let archive = try Archive(path: newPath, configuration)
        do {
            progress("writing what reads to a new archive")
            try writeRows(to: archive)
            progress("moving the log's records into it")
            try moveLog(to: archive)
            try finish(archive)
        } catch {
            archive.close()
            throw error
        }
        try archive.truncateLog()
        archive.close()
        try replace()
    }

    private func writeRows(to archive: Archive) throws {
        guard let old = found.archive else { return }
        try archive.pool.write { db in
            // A name or a number that stands twice goes to the row that has its checksum.
            for (id, stream) in old.streams where stream.isIntact { try stream.row.insert(id: id, db) }
            for (id, stream) in old.streams where !stream.isIntact { try stream.row.insert(id: id, db) }
            for (id, name) in old.lostNames {
                try Archive.StreamRow(name: StreamID(name), tail: 0, isErased: false).insert(id: id, db)
            }
            let known = Set(try Int64.fetchAll(db, sql: "SELECT id FROM streams WHERE erased = 0"))
            var failure: (any Error)?
            let stretch = try db.makeStatement(
                sql: "INSERT OR IGNORE INTO stretches (id, stream, last, moved, records) VALUES (?, ?, ?, ?, ?)")
            let entry = try db.makeStatement(sql: "INSERT INTO damaged_entries VALUES (?, ?, ?)")
            _ = try ArchiveInspection(path: archivePath, files) { row, blob in
                guard known.contains(row.stream), failure == nil else { return }
                let (last, moved) = (Int64(bitPattern: row.last), Int64(bitPattern: row.moved))
                do { try stretch.execute(arguments: [row.rowid, row.stream, last, moved, blob.data]) } catch {
                    failure = error
                }
            } onDamagedEntry: { record in
                guard failure == nil, let stream = record.integer(0), let place = record.text(1),
                    let bytes = record.blob(2)
                else { return }
                do { try entry.execute(arguments: [stream, place, bytes.data]) } catch { failure = error }
            }
            if let failure { throw failure }
        }
    }

    private func moveLog(to archive: Archive) throws {
        for segment in found.log.segments where !segment.commits.isEmpty {
            let block = try files.block(of: segment.path)
            var contents = SegmentContents()
            for commit in segment.commits { contents.add(block.bytes, at: commit.offset, commit.header) }
            let file = SegmentFile(id: 0, path: segment.name, descriptor: -1, capacity: block.count)
            let last = segment.commits.map(\.header.commitNumber).max() ?? 0
            try archive.move(
                contents, block.bytes, of: Segment(file: file, logNumber: segment.logNumber), upTo: last,
                isErased: { found.log.erased.contains($0) })
        }
    }

    /// Marks the damaged streams, and says where the log goes on.
    private func finish(_ archive: Archive) throws {
        var reasons: [StreamID: String] = [:]
        for finding in found.report.findings where finding.severity == .damage {
            guard let stream = finding.stream, reasons[stream] == nil else { continue }
            let place = finding.offset.map { "\(finding.file) at \($0)" } ?? finding.file
            reasons[stream] = "\(place): \(finding.text)"
        }
        try archive.pool.write { db in
            for (stream, reason) in reasons {
                try db.execute(
                    sql: "UPDATE streams SET damage = coalesce(damage, ?) WHERE name = ? AND erased = 0",
                    arguments: [reason, stream.rawValue])
            }
            // What was numbered before must never be taken for what comes now.
            let moved = try Int64.fetchOne(db, sql: "SELECT max(moved) FROM stretches") ?? 0
            let skipped: UInt64 = found.archive?.position == nil ? 1_000_000 : 0
            let commit = max(found.log.lastCommit, UInt64(bitPattern: moved))
            let log = found.log.lastLog + skipped
            try db.execute(
                sql: "UPDATE position SET moved = ?, log = ?",
                arguments: [Int64(bitPattern: commit), Int64(bitPattern: log)])
        }
    }

    private func replace() throws {
        for suffix in ["-wal", "-shm"] where files.exists(archivePath + suffix) {
            try files.remove(archivePath + suffix)
        }
        try files.rename(newPath, archivePath)
        try files.synchronizeDirectory(folder)
        // The server removes segments that have moved; damaged ones it could not judge.
        let damaged = Set(found.report.findings.map(\.file)).union(found.log.segments.map(\.name))
        for name in damaged where name.hasPrefix("log/") && files.exists(folder + "/" + name) {
            try files.remove(folder + "/" + name)
        }
        if files.exists(folder + "/log") { try files.synchronizeDirectory(folder + "/log") }
        if found.identity == nil {
            try StoreIdentity.write(files.randomBytes(StoreIdentity.count), in: folder, files)
        }
    }
}

extension ArraySlice<UInt8> {
    var data: Data { Data(self) }
}

extension FileSystem {
    /// Copies a file and makes the copy durable.
    func copy(_ source: String, to target: String) throws(SystemCallError) {
        let from = try open(source, O_RDONLY | O_CLOEXEC, 0)
        defer { close(from) }
        let to = try open(target, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        defer { close(to) }
        let block = ByteBlock(capacity: 1 << 20)
        let room = UnsafeMutableRawBufferPointer(start: block.extend(by: 1 << 20), count: 1 << 20)
        var offset = 0
        while true {
            let count = try read(from, room, offset)
            if count == 0 { break }
            try write(to, UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(room)[..<count]), offset)
            offset += count
        }
        try synchronize(to)
    }
}
