import GRDB
import ThroughlineCore

/// What stands in `archive.sqlite` and its log, read page by page without SQLite, and everything that is wrong with it.
struct ArchiveInspection {
    /// A row of `streams`.
    struct Stream {
        var row: Archive.StreamRow
        var isIntact: Bool
        var place: SQLiteWalk.Place
    }

    /// A row of `stretches`, without its records.
    struct Stretch {
        var rowid: Int64
        var stream: Int64
        var last: UInt64
        var moved: UInt64
        /// `nil` when the blob is damaged.
        var before: UInt64?
        var place: SQLiteWalk.Place
        /// The first page that a long row goes on at.
        var overflow: SQLiteWalk.Place?
    }

    static let file = "archive.sqlite"

    var findings: [Finding] = []
    var streams: [Int64: Stream] = [:]
    var stretches: [Stretch] = []
    /// The last commit that has moved, and its log number; `nil` when it cannot be read.
    var position: (commit: UInt64, log: UInt64)?
    /// Names that only the index still has, by the number of their row.
    var lostNames: [Int64: String] = [:]
    /// Whether rows may be missing, or be where SQLite does not find them.
    var isBroken = false
    var bytes = 0

    var walk: SQLiteWalk
    var roots: [String: (root: Int, sql: String)] = [:]
    var namesInIndex: [Int64: String] = [:]
    var stretchesInIndex: [Int64: (stream: Int64, last: Int64, place: SQLiteWalk.Place)] = [:]
    /// The first format wrote no number, and had no table of checkpoints.
    var hasFormat1 = false
    /// Gets each whole blob, for those who want to write it elsewhere.
    let onStretch: ((Stretch, ArraySlice<UInt8>) -> Void)?
    let onDamagedEntry: ((SQLiteRecord) -> Void)?

    init(
        path: String, _ files: FileSystem, onStretch: ((Stretch, ArraySlice<UInt8>) -> Void)? = nil,
        onDamagedEntry: ((SQLiteRecord) -> Void)? = nil
    ) throws(SystemCallError) {
        let pages = try SQLitePages(path: path, files)
        walk = SQLiteWalk(pages)
        self.onStretch = onStretch
        self.onDamagedEntry = onDamagedEntry
        bytes = pages.fileSize
        checkLog(pages)
        checkHeader(pages)
        readSchema()
        readTables()
        compareIndexes()
        readOrphans()
        checkRows()
    }

    mutating func broken(_ file: String, _ offset: Int?, _ text: String) {
        isBroken = true
        findings.append(Finding(file, offset, text))
    }

    mutating func checkLog(_ pages: SQLitePages) {
        for (offset, page) in pages.damagedFrames {
            let said = page.map { "the frame of page \($0) is damaged" } ?? "the head is damaged"
            broken(Self.file + "-wal", offset, said)
        }
        if pages.damagedFrames.isEmpty, let offset = pages.log.tornAt {
            findings.append(
                Finding(
                    Self.file + "-wal", offset, severity: .notice, "a transaction is not whole and will be dropped"))
        }
    }

    mutating func checkHeader(_ pages: SQLitePages) {
        guard let header = pages.page(1) else {
            return broken(Self.file, 0, pages.fileSize == 0 ? "the file is empty" : "the first page is not whole")
        }
        let isGood = header.bytes.withUnsafeBytes { Self.isGoodHeader($0, pageSize: pages.pageSize) }
        let (noted, isNotedValid) = header.bytes.withUnsafeBytes { bytes in
            (Int(bytes.big(UInt32.self, at: 28)), bytes.big(UInt32.self, at: 24) == bytes.big(UInt32.self, at: 92))
        }
        hasFormat1 = header.bytes[60..<64].allSatisfy { $0 == 0 }
        if !isGood { broken(header.file, header.offset, "the head of the database is damaged") }
        let isCut = (1...max(1, pages.pageCount)).contains { pages.page($0) == nil }
        if isCut || pages.fileSize % pages.pageSize != 0 {
            broken(Self.file, pages.fileSize, "the file ends too early")
        }
        if isNotedValid, noted > pages.pageCount {
            broken(Self.file, pages.fileSize, "the file ends at page \(pages.pageCount) of \(noted)")
        } else if isNotedValid, noted != pages.pageCount {
            broken(header.file, header.offset + 28, "\(noted) pages are noted and \(pages.pageCount) are there")
        }
    }

    /// What SQLite always writes there, or this store has it write.
    private static func isGoodHeader(_ bytes: UnsafeRawBufferPointer, pageSize: Int) -> Bool {
        let fixed: [(place: Int, value: UInt8)] = [(18, 2), (19, 2), (20, 0), (21, 64), (22, 32), (23, 32)]
        let (size, format) = (Int(bytes.big(UInt16.self, at: 16)), bytes.big(UInt32.self, at: 44))
        return bytes.starts(with: SQLitePages.magic) && fixed.allSatisfy { bytes[$0.place] == $0.value }
            && size == pageSize % 65536 + pageSize / 65536 && format == 4 && bytes.big(UInt32.self, at: 56) == 1
            && bytes[72..<92].allSatisfy { $0 == 0 }
            && bytes.big(UInt32.self, at: 60) <= UInt32(StoreFormat.version)
    }
}
