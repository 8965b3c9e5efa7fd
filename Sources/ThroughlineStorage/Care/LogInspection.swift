import Glibc
import ThroughlineCore

/// What stands in the segments of the log that has not moved to SQLite, and everything that is wrong with it.
///
/// Goes on behind damage, where the store stops. Changes nothing.
struct LogInspection {
    /// A place where a whole commit, or one that can be put together again, is.
    struct Commit {
        var offset: Int
        var header: CommitHeader
    }

    /// One segment with commits that have not moved.
    struct SegmentFile {
        var name: String
        var path: String
        var logNumber: UInt64
        var commits: [Commit] = []
    }

    private(set) var findings: [Finding] = []
    private(set) var segments: [SegmentFile] = []
    /// Tails, erasures and damage after all that is in the log, by stream: begins with what SQLite has.
    private(set) var tails: [StreamID: UInt64]
    private(set) var erased: Set<StreamID>
    private(set) var damaged: Set<StreamID>
    private(set) var bytes = 0
    private(set) var lastCommit: UInt64
    private(set) var lastLog: UInt64

    private let tag: UInt64?
    private let position: (commit: UInt64, log: UInt64)?
    /// Numbers of the first commits of all segments.
    private var starts: Set<UInt64> = []
    private let files: FileSystem
    private let block = ByteBlock(capacity: 4096)

    struct Begin {
        var tails: [StreamID: UInt64] = [:]
        var erased: Set<StreamID> = []
        var damaged: Set<StreamID> = []
    }

    /// - Parameters:
    ///   - tag: The store's, or `nil` when its identity is lost: then the first commit's counts.
    ///   - position: What has moved, or `nil` when that is lost.
    init(
        folder: String, tag: UInt64?, position: (commit: UInt64, log: UInt64)?, begin: Begin, files: FileSystem
    ) throws {
        self.files = files
        self.position = position
        tails = begin.tails
        erased = begin.erased
        damaged = begin.damaged
        lastCommit = position?.commit ?? 0
        lastLog = position?.log ?? 0
        let names = try files.list(folder + "/log").filter { $0.hasPrefix("segment-") && $0.hasSuffix(".log") }
        let paths = names.sorted().map { (name: "log/" + $0, path: folder + "/log/" + $0) }
        self.tag = try tag ?? Self.findTag(paths.map(\.path), files)
        var found: [(name: String, path: String, first: Commit)] = []
        for (name, path) in paths {
            try load(path)
            checkSize(name)
            if let first = firstCommit(from: 0) {
                found.append((name, path, first))
            } else {
                checkZeros(name, from: 0)
            }
        }
        found.sort { $0.first.header.logNumber < $1.first.header.logNumber }
        starts = Set(found.map(\.first.header.commitNumber))
        for (place, one) in found.enumerated() {
            try load(one.path)
            let next = place + 1 < found.count ? found[place + 1].first.header.commitNumber : nil
            read(one.name, one.path, one.first, next: next)
        }
    }

    /// The tag of the first commit that can be read.
    private static func findTag(_ paths: [String], _ files: FileSystem) throws -> UInt64? {
        for path in paths {
            let block = try files.block(of: path)
            guard block.count >= CommitHeader.size else { continue }
            let tag = block.bytes.get(UInt64.self, at: 16)
            if CommitHeader.decode(block.bytes, at: 0, storeTag: tag) != nil { return tag }
        }
        return nil
    }

    private mutating func load(_ path: String) throws {
        let descriptor = try files.open(path, O_RDONLY | O_CLOEXEC, 0)
        defer { files.close(descriptor) }
        let length = try files.size(descriptor)
        block.removeAll(keeping: 64 << 20)
        let room = UnsafeMutableRawBufferPointer(start: block.extend(by: length), count: length)
        block.truncate(to: try files.read(descriptor, room, 0))
        bytes += block.count
    }

    /// The next place at or after an offset where a commit's header is whole.
    private func firstCommit(from start: Int, log: UInt64? = nil) -> Commit? {
        guard let tag else { return nil }
        let bytes = block.bytes
        var offset = CommitHeader.padded(start)
        while offset + CommitHeader.size <= bytes.count {
            if bytes.get(UInt64.self, at: offset) == CommitHeader.magic,
                let header = CommitHeader.decode(bytes, at: offset, storeTag: tag),
                log == nil || header.logNumber == log
            {
                return Commit(offset: offset, header: header)
            }
            offset += 8
        }
        return nil
    }

    // Files are made in whole pages.
    private mutating func checkSize(_ name: String) {
        if block.count == 0 || block.count % 4096 != 0 {
            findings.append(Finding(name, block.count, "the file is cut off here"))
        }
    }

    /// Behind the last commit is its end mark, and behind that perhaps what has moved from an earlier use of the file.
    private mutating func checkEnd(_ name: String, _ start: Int) {
        checkZeros(name, from: start, upTo: start + CommitHeader.endMark)
    }

    private mutating func checkZeros(_ name: String, from start: Int, upTo end: Int = .max) {
        let rest = block.bytes.part(min(start, block.count)..<min(end, block.count))
        guard let place = rest.firstNonZero else { return }
        findings.append(
            Finding(name, start + place, severity: .notice, "what stands here is no commit, and will be dropped"))
    }

    // MARK: One segment

    private mutating func read(_ name: String, _ path: String, _ first: Commit, next: UInt64?) {
        let log = first.header.logNumber
        if let position, log <= position.log, first.header.commitNumber <= position.commit {
            // What has moved stays until the file is used again.
            if first.offset > 0 { checkEnd(name, 0) }
            return
        }
        if let position, log <= position.log || first.header.commitNumber <= position.commit {
            let said = "log \(log), commit \(first.header.commitNumber)"
            findings.append(
                Finding(
                    name, first.offset,
                    "\(said) does not fit what SQLite says has moved: log \(position.log), commit \(position.commit)"))
        }
        lastLog = max(lastLog, log)
        var segment = SegmentFile(name: name, path: path, logNumber: log)
        var offset = 0
        while let commit = firstCommit(from: offset, log: log) {
            if commit.offset > offset { rebuild(offset, before: commit, &segment) }
            expect(commit.header.commitNumber, name, offset)
            guard isWhole(commit, isLast: next == nil, name) else {
                offset = commit.offset
                break
            }
            add(commit, to: &segment)
            offset = commit.offset + commit.header.stride
        }
        if next == lastCommit + 2 {
            rebuildLast(offset, first.header, &segment)
        } else {
            checkEnd(name, offset)
        }
        segments.append(segment)
    }

    private mutating func add(_ commit: Commit, to segment: inout SegmentFile) {
        segment.commits.append(commit)
        lastCommit = max(lastCommit, commit.header.commitNumber)
        readEntries(commit, segment.name)
    }

    private mutating func expect(_ number: UInt64, _ name: String, _ offset: Int) {
        let isFirst = segments.isEmpty && lastCommit == 0 && position == nil
        guard !isFirst, number > lastCommit + 1 else { return }
        findings.append(
            Finding(
                name, offset,
                "commits \(lastCommit + 1) to \(number - 1) are missing: streams may end before what was acknowledged"))
    }

    /// Between commits there is one whose header is damaged. Its entries say for themselves whether they are whole.
    private mutating func rebuild(_ offset: Int, before next: Commit, _ segment: inout SegmentFile) {
        let number = next.header.commitNumber
        if number == lastCommit + 2 || (position == nil && segments.isEmpty && number > 1),
            let header = CommitHeader.rebuilt(
                block.bytes, at: offset, end: next.offset, like: next.header, number: number - 1)
        {
            return addRebuilt(header, at: offset, to: &segment)
        }
        findings.append(
            Finding(
                segment.name, offset, "no commit can be read up to \(next.offset): whose records it had cannot be told")
        )
    }

    /// The same for the last commit of a segment that is not the last.
    private mutating func rebuildLast(_ offset: Int, _ first: CommitHeader, _ segment: inout SegmentFile) {
        if let header = CommitHeader.rebuilt(block.bytes, at: offset, end: nil, like: first, number: lastCommit + 1) {
            return addRebuilt(header, at: offset, to: &segment)
        }
        findings.append(
            Finding(segment.name, offset, "no commit can be read here: whose records it had cannot be told"))
    }

    private mutating func addRebuilt(_ header: CommitHeader, at offset: Int, to segment: inout SegmentFile) {
        findings.append(Finding(segment.name, offset, "the head of a commit is damaged; its records are whole"))
        add(Commit(offset: offset, header: header), to: &segment)
    }

    /// Whether a commit is to be read: the last one may have been in the making when the power went.
    private mutating func isWhole(_ commit: Commit, isLast: Bool, _ name: String) -> Bool {
        if commit.header.isIntact(block.bytes, at: commit.offset) { return true }
        if commit.offset + Int(commit.header.length) > block.count {
            findings.append(Finding(name, block.count, "the file is cut off in the middle of a commit"))
            return true
        }
        let number = commit.header.commitNumber
        if firstCommit(from: commit.offset + CommitHeader.size, log: commit.header.logNumber) != nil { return true }
        guard isLast else { return !segmentsGoOn(with: number) }
        findings.append(
            Finding(
                name, commit.offset, severity: .notice,
                "the last commit is not whole: it was being written when the power went, or has been damaged since"))
        return false
    }

    // A commit that was dropped at an earlier start is written again, with its number, at the start of the next segment.
    private func segmentsGoOn(with number: UInt64) -> Bool { number == lastCommit + 1 && starts.contains(number) }

    private mutating func readEntries(_ commit: Commit, _ name: String) {
        LogEntry.forEach(in: block.bytes, at: commit.offset, commit.header) { offset, decoded in
            switch decoded {
            case .intact(let entry): take(entry, name, offset)
            case .damaged(let stream, _):
                damaged.insert(stream)
                findings.append(Finding(name, offset, stream: stream, "its records do not have their checksum"))
            case .unreadable:
                findings.append(Finding(name, offset, "an entry cannot be read: whose records it had cannot be told"))
            }
        }
    }

    private mutating func take(_ entry: LogEntry, _ name: String, _ offset: Int) {
        if entry.kind == .erase {
            erased.insert(entry.stream)
            damaged.remove(entry.stream)
            tails[entry.stream] = nil
            return
        }
        if damaged.contains(entry.stream) { return }
        let tail = tails[entry.stream] ?? 0
        if tail != entry.expecting || erased.contains(entry.stream) {
            damaged.insert(entry.stream)
            findings.append(Finding(name, offset, stream: entry.stream, "its records after \(tail) are missing"))
        }
        tails[entry.stream] = entry.tail
    }
}
