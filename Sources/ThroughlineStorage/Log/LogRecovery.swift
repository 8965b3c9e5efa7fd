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
    /// What a file has to have to be a spare segment, and how many are kept.
    let segmentBytes: Int
    let maximumSpares: Int
    /// Up to here everything is in SQLite.
    let movedLog: UInt64
    /// The commit that has to come next.
    var expected: UInt64
    var lastLog: UInt64
    var nextID: UInt32 = 1
    var segments: [Segment] = []
    /// Files that are ready to be written: whole, and all zeros.
    var spares: [SegmentFile] = []

    /// Files that nobody needs once everything is known to be well.
    private var remains: [String] = []

    private struct Candidate {
        var file: SegmentFile
        var first: CommitHeader
    }

    init(
        folder: StoreFolder, configuration: StoreConfiguration, index: StreamIndex,
        position: (commit: UInt64, log: UInt64), logger: Logger
    ) {
        self.folder = folder
        files = configuration.fileSystem
        segmentBytes = configuration.segmentBytes
        maximumSpares = configuration.spareSegments
        self.index = index
        self.logger = logger
        movedLog = position.log
        expected = position.commit + 1
        lastLog = position.log
    }

    /// Fills the index with what is in the log and not in SQLite. `segments` are then to be moved.
    mutating func run() throws {
        for id in try folder.segmentDraftIDs() {
            nextID = max(nextID, id + 1)
            try files.remove(folder.segmentDraftPath(id))
        }
        let candidates = try findCandidates().sorted { $0.first.logNumber < $1.first.logNumber }
        for (position, candidate) in candidates.enumerated() {
            let next = position + 1 < candidates.count ? candidates[position + 1].first.commitNumber : nil
            try replay(candidate, nextFirst: next)
            lastLog = max(lastLog, candidate.first.logNumber)
        }
        for path in remains { try files.remove(path) }
        try files.synchronizeDirectory(folder.logPath)
    }

    /// The files with commits that have not moved. Of the others, those that are all zeros are kept as spares, and the rest
    /// are removed: nobody needs them.
    private mutating func findCandidates() throws -> [Candidate] {
        var candidates: [Candidate] = []
        for id in try folder.segmentIDs() {
            nextID = max(nextID, id + 1)
            let path = folder.segmentPath(id)
            let descriptor = try files.open(path, O_RDWR | O_CLOEXEC, 0)
            let file = SegmentFile(
                id: id, path: path, descriptor: descriptor, capacity: try files.size(descriptor))
            switch try contents(of: file) {
            case .commits(let first): candidates.append(Candidate(file: file, first: first))
            case .zeros where file.capacity == segmentBytes && spares.count < maximumSpares:
                // Zeros that were written and not synchronized become durable before the first commit is written on them.
                try files.synchronize(descriptor)
                spares.append(file)
            case .zeros, .remains:
                files.close(descriptor)
                remains.append(path)
            }
        }
        return candidates
    }

    private enum Contents {
        case commits(first: CommitHeader)
        case zeros
        /// Commits that have moved, or what zeroing them or a torn first commit has left.
        case remains
    }

    private func contents(of file: SegmentFile) throws -> Contents {
        // Files are made in whole pages.
        guard file.capacity > 0, file.capacity % 4096 == 0 else {
            throw StoreError.corrupt("\(file.path) at \(file.capacity): the file is cut off here")
        }
        var reader = SegmentReader(file, files)
        let header = try reader.header(at: 0, storeTag: folder.tag)
        if let header {
            guard (header.logNumber > movedLog) == (header.commitNumber >= expected) else {
                throw StoreError.corrupt("archive.sqlite, table position, does not fit \(file.path)")
            }
            if header.logNumber > movedLog { return .commits(first: header) }
        }
        // What has moved may hold the head of a commit that was torn and dropped, and whose number was given again. And the file
        // may be in use again, with what has moved standing where its first commit should be.
        let rest = try reader.rest(from: 0, storeTag: folder.tag) {
            $0.commitNumber >= expected && $0.logNumber > movedLog
        }
        switch rest {
        case .commit(let place):
            if let first = try rebuildHeader(&reader, at: 0, before: place) { return .commits(first: first) }
            throw StoreError.corrupt("\(file.path) at 0: no commit, but there is one at \(place)")
        case .zeros: return .zeros
        case .noCommit: return .remains
        }
    }

    private mutating func replay(_ candidate: Candidate, nextFirst: UInt64?) throws {
        var reader = SegmentReader(candidate.file, files)
        let segment = Segment(file: candidate.file, logNumber: candidate.first.logNumber, isReplayed: true)
        var last = 0
        while let header = try header(&reader, at: segment.used, segment) ?? rebuildHeader(&reader, segment, nextFirst)
        {
            let bytes = try reader.bytes(at: segment.used, count: header.stride)
            let isIntact = header.isIntact(bytes, at: 0)
            if !isIntact, try isTorn(&reader, segment, nextFirst) { break }
            // Looking further has moved the reader.
            try replay(
                header, isIntact ? bytes : reader.bytes(at: segment.used, count: header.stride), isIntact, segment)
            last = segment.used
            segment.used += header.stride
            segment.lastCommit = expected
            expected += 1
        }
        try checkEnd(segment, &reader, nextFirst)
        if segment.used == 0 {
            files.close(candidate.file.descriptor)
            return try files.remove(candidate.file.path)
        }
        if nextFirst == nil {
            // The kernel may take a write for done whose fdatasync failed or never came: write the last commit again.
            let length = min(segment.used, candidate.file.capacity) - last
            try files.write(
                segment.file.descriptor, try reader.bytes(at: last, count: length).part(0..<length), last)
            try files.synchronize(segment.file.descriptor)
        }
        segments.append(segment)
        index.state.withLock { $0.segments[segment.logNumber] = segment }
    }

    func header(
        _ reader: inout SegmentReader, at offset: Int, _ segment: Segment
    ) throws -> CommitHeader? {
        guard let header = try reader.header(at: offset, storeTag: folder.tag),
            header.logNumber == segment.logNumber, header.segmentID == segment.file.id, header.commitNumber == expected
        else { return nil }
        return header
    }

    /// The place of a later commit of a segment behind its last one: proof that all before it was durable.
    func laterCommit(_ reader: inout SegmentReader, _ segment: Segment, from offset: Int) throws -> Int? {
        let rest = try reader.rest(from: offset, storeTag: folder.tag) {
            $0.commitNumber > expected && $0.logNumber == segment.logNumber
        }
        if case .commit(let place) = rest { return place }
        return nil
    }

    /// Whether a commit that is not whole was the last one being written, then or at an earlier crash.
    private func isTorn(_ reader: inout SegmentReader, _ segment: Segment, _ nextFirst: UInt64?) throws -> Bool {
        let place = segment.place(segment.used)
        if let header = try header(&reader, at: segment.used, segment),
            segment.used + Int(header.length) > segment.file.capacity
        {
            throw StoreError.corrupt("\(place): the file is cut off in the middle of this commit")
        }
        let isFollowed =
            try nextFirst == expected + 1
            || laterCommit(&reader, segment, from: segment.used + CommitHeader.size) != nil
        if isFollowed || (nextFirst ?? expected) != expected {
            logger.error("a commit is damaged", metadata: ["place": "\(place)"])
            return false
        }
        if nextFirst == nil {
            logger.warning("the last commit was torn and is dropped", metadata: ["place": "\(place)"])
            index.state.withLock { $0.metrics.tornCommits += 1 }
        }
        return true
    }

    /// Where a segment's commits end, the next segment's have to go on, or there is nothing more.
    private func checkEnd(_ segment: Segment, _ reader: inout SegmentReader, _ nextFirst: UInt64?) throws {
        if let nextFirst {
            guard nextFirst == expected else {
                throw StoreError.corrupt("\(segment.place(segment.used)): commit \(expected) is not there")
            }
        } else if let place = try laterCommit(&reader, segment, from: segment.used) {
            throw StoreError.corrupt(
                "\(segment.place(segment.used)): commit \(expected) is damaged, but there is a later one at \(place)")
        }
    }

    /// Takes in the entries of one commit, whose bytes these are.
    private func replay(
        _ header: CommitHeader, _ bytes: UnsafeRawBufferPointer, _ isIntact: Bool, _ segment: Segment
    ) throws {
        let start = segment.used
        let unreadable: Int? = index.state.withLock { state in
            var unreadable: Int?
            LogEntry.forEach(in: bytes, at: 0, header, isIntact: isIntact) { offset, decoded in
                switch decoded {
                case .intact(let entry): state.replay(entry, bytes, at: offset, start, segment)
                case .damaged(let stream, _): state.markDamaged(stream, segment.place(start + offset))
                case .unreadable: unreadable = start + offset
                }
            }
            return unreadable
        }
        if let unreadable { throw StoreError.corrupt("\(segment.place(unreadable)): the stream cannot be told") }
    }
}

extension StreamIndex.State {
    /// Takes in an entry of the log while the store opens: at an offset of the bytes of a commit, which begins at `start`.
    fileprivate mutating func replay(
        _ logEntry: LogEntry, _ bytes: UnsafeRawBufferPointer, at offset: Int, _ start: Int, _ segment: Segment
    ) {
        let entry = entry(logEntry.stream)
        if logEntry.kind == .erase {
            entry.erase()
            damage[logEntry.stream] = nil
            return
        }
        if entry.state == .damaged { return }
        if entry.tail != logEntry.expecting || entry.state == .erased {
            return markDamaged(logEntry.stream, "\(segment.place(start + offset)): records before it are missing")
        }
        entry.state = .live
        entry.tail = logEntry.tail
        entry.stretches.append(
            Stretch(
                before: logEntry.expecting, last: logEntry.tail, logNumber: segment.logNumber,
                offset: UInt32(start + offset), length: UInt32(logEntry.end - offset),
                payloadBytes: UInt32(logEntry.records.count - logEntry.recordCount * RecordPacking.headerSize)))
        if let summary = logEntry.summary {
            entry.summary = Array(bytes[summary])
            entry.summaryLog = segment.logNumber
        }
        segment.records += logEntry.recordCount
    }
}
