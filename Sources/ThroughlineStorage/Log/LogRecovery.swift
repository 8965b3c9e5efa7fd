import Glibc
import Logging
import ThroughlineCore

/// Reads the log back when a store opens.
///
/// A commit that is not whole is dropped when nothing was ever written behind it: power went while it was being written,
/// and nobody was told of it. Anywhere else it is damage: confined to the streams whose entries are not whole when these
/// can be told, and otherwise a reason not to open.
struct LogRecovery {
    let folder: StoreFolder
    let files: FileSystem
    let index: StreamIndex
    let logger: Logger
    /// Up to here everything is in SQLite.
    let movedLog: UInt64
    /// The commit that has to come next.
    var expected: UInt64
    var lastLog: UInt64
    var nextID: UInt32 = 1
    var segments: [Segment] = []

    private struct Candidate {
        var file: SegmentFile
        var first: CommitHeader
    }

    init(
        folder: StoreFolder, files: FileSystem, index: StreamIndex, position: (commit: UInt64, log: UInt64),
        logger: Logger
    ) {
        self.folder = folder
        self.files = files
        self.index = index
        self.logger = logger
        movedLog = position.log
        expected = position.commit + 1
        lastLog = position.log
    }

    /// Fills the index with what is in the log and not in SQLite. `segments` are then to be moved.
    mutating func run() throws {
        let candidates = try findCandidates().sorted { $0.first.logNumber < $1.first.logNumber }
        for (position, candidate) in candidates.enumerated() {
            let next = position + 1 < candidates.count ? candidates[position + 1].first.commitNumber : nil
            try replay(candidate, nextFirst: next)
            lastLog = max(lastLog, candidate.first.logNumber)
        }
        try files.synchronizeDirectory(folder.logPath)
    }

    /// The files with commits that have not moved. The others are removed: nobody needs them.
    private mutating func findCandidates() throws -> [Candidate] {
        var candidates: [Candidate] = []
        for id in try folder.segmentIDs() {
            nextID = max(nextID, id + 1)
            let path = folder.segmentPath(id)
            let descriptor = try files.open(path, O_RDWR | O_CLOEXEC, 0)
            let file = SegmentFile(
                id: id, path: path, descriptor: descriptor, capacity: try files.size(descriptor))
            if let first = try firstHeader(of: file) {
                candidates.append(Candidate(file: file, first: first))
            } else {
                files.close(descriptor)
                try files.remove(path)
            }
        }
        return candidates
    }

    private func firstHeader(of file: SegmentFile) throws -> CommitHeader? {
        let head = ByteBlock(capacity: 4096)
        try load(file, CommitHeader.size, into: head)
        if let header = CommitHeader.decode(head.bytes, at: 0, storeTag: folder.tag) {
            return header.logNumber > movedLog ? header : nil
        }
        let block = ByteBlock(capacity: 4096)
        try load(file, file.capacity, into: block)
        if let offset = laterCommit(block.bytes, from: 0, after: expected - 1, log: nil) {
            throw StoreError.corrupt("\(file.path) at 0: no commit, but there is one at \(offset)")
        }
        return nil
    }

    private func load(_ file: SegmentFile, _ length: Int, into block: ByteBlock) throws {
        let room = UnsafeMutableRawBufferPointer(start: block.extend(by: length), count: length)
        block.truncate(to: try files.read(file.descriptor, room, 0))
    }

    /// The place of a commit header with a number over `number` at or after an offset: proof that all before it was durable.
    private func laterCommit(
        _ bytes: UnsafeRawBufferPointer, from start: Int, after number: UInt64, log: UInt64?
    ) -> Int? {
        var offset = CommitHeader.padded(start)
        while offset + CommitHeader.size <= bytes.count {
            if bytes.get(UInt64.self, at: offset) == CommitHeader.magic,
                let header = CommitHeader.decode(bytes, at: offset, storeTag: folder.tag),
                header.commitNumber > number, log == nil || header.logNumber == log
            {
                return offset
            }
            offset += 8
        }
        return nil
    }

    private mutating func replay(_ candidate: Candidate, nextFirst: UInt64?) throws {
        let block = ByteBlock(capacity: 4096)
        try load(candidate.file, candidate.file.capacity, into: block)
        let bytes = block.bytes
        let segment = Segment(file: candidate.file, logNumber: candidate.first.logNumber)
        var offset = 0
        var last = 0
        while let header = header(bytes, at: offset, segment) {
            if !header.isIntact(bytes, at: offset) {
                if try isTorn(header, bytes, at: offset, segment, nextFirst) { break }
            }
            try replay(header, bytes, at: offset, segment)
            last = offset
            offset += header.stride
            segment.used = offset
            segment.lastCommit = expected
            expected += 1
        }
        try checkEnd(segment, bytes, nextFirst)
        if segment.used == 0 {
            files.close(candidate.file.descriptor)
            return try files.remove(candidate.file.path)
        }
        if nextFirst == nil {
            // The kernel may take a write for done whose fdatasync failed or never came: write the last commit again.
            try files.write(segment.file.descriptor, bytes.part(last..<min(offset, bytes.count)), last)
            try files.synchronize(segment.file.descriptor)
        }
        segments.append(segment)
        index.state.withLock { $0.segments[segment.logNumber] = segment }
    }

    private func header(_ bytes: UnsafeRawBufferPointer, at offset: Int, _ segment: Segment) -> CommitHeader? {
        guard let header = CommitHeader.decode(bytes, at: offset, storeTag: folder.tag),
            header.logNumber == segment.logNumber, header.segmentID == segment.file.id, header.commitNumber == expected
        else { return nil }
        return header
    }

    /// Whether a commit that is not whole was the last one being written, then or at an earlier crash.
    private func isTorn(
        _ header: CommitHeader, _ bytes: UnsafeRawBufferPointer, at offset: Int, _ segment: Segment,
        _ nextFirst: UInt64?
    ) throws -> Bool {
        let isFollowed =
            laterCommit(bytes, from: offset + CommitHeader.size, after: expected, log: segment.logNumber) != nil
            || nextFirst == expected + 1
        if isFollowed || (nextFirst ?? expected) != expected {
            logger.error("a commit is damaged", metadata: ["place": "\(segment.place(offset))"])
            return false
        }
        if nextFirst == nil {
            logger.warning("the last commit was torn and is dropped", metadata: ["place": "\(segment.place(offset))"])
            index.state.withLock { $0.metrics.tornCommits += 1 }
        }
        return true
    }

    /// Where a segment's commits end, the next segment's have to go on, or there is nothing more.
    private func checkEnd(_ segment: Segment, _ bytes: UnsafeRawBufferPointer, _ nextFirst: UInt64?) throws {
        if let nextFirst {
            guard nextFirst == expected else {
                throw StoreError.corrupt("\(segment.place(segment.used)): commit \(expected) is not there")
            }
        } else if let place = laterCommit(bytes, from: segment.used, after: expected, log: segment.logNumber) {
            throw StoreError.corrupt(
                "\(segment.place(segment.used)): commit \(expected) is damaged, but there is a later one at \(place)")
        }
    }

    private func replay(
        _ header: CommitHeader, _ bytes: UnsafeRawBufferPointer, at start: Int, _ segment: Segment
    ) throws {
        var unreadable: Int?
        LogEntry.forEach(in: bytes, at: start, header) { offset, decoded in
            switch decoded {
            case .intact(let entry): index.replay(entry, bytes, at: offset, segment)
            case .damaged(let stream, _): index.markDamaged(stream, segment.place(offset))
            case .unreadable: unreadable = offset
            }
        }
        if let unreadable { throw StoreError.corrupt("\(segment.place(unreadable)): the stream cannot be told") }
    }
}

extension StreamIndex {
    /// Takes in an entry of the log while the store opens.
    fileprivate func replay(
        _ logEntry: LogEntry, _ bytes: UnsafeRawBufferPointer, at offset: Int, _ segment: Segment
    ) {
        let isGap = state.withLock { state in
            let entry = state.entry(logEntry.stream)
            if logEntry.kind == .erase {
                entry.erase()
                state.damage[logEntry.stream] = nil
                return false
            }
            if entry.state == .damaged { return false }
            if entry.tail != logEntry.expecting || entry.state == .erased { return true }
            entry.state = .live
            entry.tail = logEntry.tail
            entry.stretches.append(
                Stretch(
                    before: logEntry.expecting, last: logEntry.tail, logNumber: segment.logNumber,
                    offset: UInt32(offset), length: UInt32(logEntry.end - offset),
                    payloadBytes: UInt32(logEntry.records.count - logEntry.recordCount * RecordPacking.headerSize)))
            if let summary = logEntry.summary {
                entry.summary = Array(bytes[summary])
                entry.summaryLog = segment.logNumber
            }
            segment.records += logEntry.recordCount
            return false
        }
        if isGap { markDamaged(logEntry.stream, "\(segment.place(offset)): records before it are missing") }
    }
}
