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

    private(set) var findings: [Finding] = []
    private(set) var streams: [Int64: Stream] = [:]
    private(set) var stretches: [Stretch] = []
    /// The last commit that has moved, and its log number; `nil` when it cannot be read.
    private(set) var position: (commit: UInt64, log: UInt64)?
    /// Names that only the index still has, by the number of their row.
    private(set) var lostNames: [Int64: String] = [:]
    /// Whether rows may be missing, or be where SQLite does not find them.
    private(set) var isBroken = false
    private(set) var bytes = 0

    private var walk: SQLiteWalk
    private var roots: [String: (root: Int, sql: String)] = [:]
    private var namesInIndex: [Int64: String] = [:]
    private var stretchesInIndex: [Int64: (stream: Int64, last: Int64, place: SQLiteWalk.Place)] = [:]
    /// The first format wrote no number, and had no table of checkpoints.
    private var hasFormat1 = false
    /// Gets each whole blob, for those who want to write it elsewhere.
    private let onStretch: ((Stretch, ArraySlice<UInt8>) -> Void)?
    private let onDamagedEntry: ((SQLiteRecord) -> Void)?

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

    // MARK: Files

    private mutating func broken(_ file: String, _ offset: Int?, _ text: String) {
        isBroken = true
        findings.append(Finding(file, offset, text))
    }

    private mutating func checkLog(_ pages: SQLitePages) {
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

    private mutating func checkHeader(_ pages: SQLitePages) {
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

    // MARK: Tables

    private mutating func tree(_ root: Int, isIndex: Bool, _ body: (SQLiteWalk.Cell) -> Void) {
        let known = walk.problems.count
        walk.tree(at: root, isIndex: isIndex, body)
        takeProblems(after: known)
    }

    private mutating func takeProblems(after known: Int) {
        for problem in walk.problems[known...] { broken(problem.place.file, problem.place.offset, problem.text) }
    }

    private mutating func readSchema() {
        var found: [String: (Int, String)] = [:]
        tree(1, isIndex: false) { cell in
            if let name = cell.record.text(1), let root = cell.record.integer(3) {
                found[name] = (Int(root), cell.record.text(4) ?? "")
            }
        }
        roots = found
        for (name, sql) in Archive.expectedSchema.sorted(by: { $0.key < $1.key }) {
            if hasFormat1, name.contains("checkpoints") { continue }
            let place = walk.pages.place(of: 1)
            guard let known = roots[name] else {
                broken(place.file, place.offset, "\(name) is missing from the schema")
                continue
            }
            if known.sql != sql { broken(place.file, place.offset, "the schema of \(name) is damaged") }
        }
    }

    private mutating func readTables() {
        var streams: [(SQLiteWalk.Cell)] = []
        if let root = roots["streams"]?.root { tree(root, isIndex: false) { streams.append($0) } }
        for cell in streams { addStream(cell) }
        var found = 0
        if let root = roots["position"]?.root {
            var cells: [SQLiteWalk.Cell] = []
            tree(root, isIndex: false) { cells.append($0) }
            for cell in cells { addPosition(cell) }
            found = cells.count
        }
        if found != 1 { broken(Self.file, nil, "the position in the log cannot be read") }
        if let root = roots["stretches"]?.root {
            var rows: [Stretch] = []
            let onStretch = onStretch
            tree(root, isIndex: false) { cell in
                if let row = Self.stretch(cell, onStretch) {
                    rows.append(row)
                } else {
                    rows.append(Self.unreadable(cell))
                }
            }
            stretches = rows
        }
        if let root = roots["damaged_entries"]?.root {
            let onDamagedEntry = onDamagedEntry
            tree(root, isIndex: false) { onDamagedEntry?($0.record) }
        }
        if let root = roots["checkpoints"]?.root {
            var bad: [SQLiteWalk.Place] = []
            tree(root, isIndex: false) { if !Self.isCheckpoint($0.record) { bad.append($0.place) } }
            for place in bad {
                let said = "a checkpoint is damaged; it is only a copy, and will not be used"
                findings.append(Finding(place.file, place.offset, severity: .notice, said))
            }
        }
        for (name, entry) in roots where !Self.ownTables.contains(name) && entry.root > 0 {
            tree(entry.root, isIndex: name.hasPrefix("sqlite_autoindex") || entry.sql.hasPrefix("CREATE INDEX")) { _ in
            }
        }
        readIndexes()
        let header = walk.pages.page(1)?.bytes.withUnsafeBytes { bytes in
            (Int(bytes.big(UInt32.self, at: 32)), Int(bytes.big(UInt32.self, at: 36)))
        }
        let known = walk.problems.count
        if let header { walk.freeList(from: header.0, count: header.1) }
        takeProblems(after: known)
    }

    private static let ownTables = Set([
        "streams", "stretches", "damaged_entries", "checkpoints", "position", "sqlite_autoindex_streams_1",
        "stretches_in_order",
    ])

    private mutating func readIndexes() {
        var names: [Int64: String] = [:]
        if let root = roots["sqlite_autoindex_streams_1"]?.root {
            var order = IndexOrder()
            tree(root, isIndex: true) { cell in
                guard let name = cell.record.text(0), let id = cell.record.integer(1) else {
                    return order.fail(cell.place)
                }
                order.check([.text(name), .number(id)], cell.place)
                names[id] = name
            }
            for place in order.wrong { broken(place.file, place.offset, "the index of names is not in order") }
        }
        namesInIndex = names
        var stretches: [Int64: (Int64, Int64, SQLiteWalk.Place)] = [:]
        if let root = roots["stretches_in_order"]?.root {
            var order = IndexOrder()
            tree(root, isIndex: true) { cell in
                guard let stream = cell.record.integer(0), let last = cell.record.integer(1),
                    let id = cell.record.integer(2)
                else { return order.fail(cell.place) }
                order.check([.number(stream), .number(last), .number(id)], cell.place)
                stretches[id] = (stream, last, cell.place)
            }
            for place in order.wrong { broken(place.file, place.offset, "the index of stretches is not in order") }
        }
        stretchesInIndex = stretches
    }

    private mutating func addStream(_ cell: SQLiteWalk.Cell) {
        let record = cell.record
        guard let name = record.text(1), let tail = record.integer(2), let erased = record.integer(4),
            let checksum = record.integer(6), record.values.count == 7
        else { return broken(cell.place.file, cell.place.offset, "a row of streams cannot be read") }
        let row = Archive.StreamRow(
            name: StreamID(name), tail: UInt64(bitPattern: tail), summary: record.blob(3).map(Array.init),
            isErased: erased != 0, damage: record.text(5))
        let isIntact = checksum == Int64(row.checksum) && (erased == 0 || erased == 1)
        if let old = streams[cell.rowid], old.isIntact { return }
        streams[cell.rowid] = Stream(row: row, isIntact: isIntact, place: cell.place)
    }

    private mutating func addPosition(_ cell: SQLiteWalk.Cell) {
        guard let moved = cell.record.integer(1), let log = cell.record.integer(2) else {
            return broken(cell.place.file, cell.place.offset, "the position in the log is damaged")
        }
        position = (UInt64(bitPattern: moved), UInt64(bitPattern: log))
    }

    private static func isCheckpoint(_ record: SQLiteRecord) -> Bool {
        guard let name = record.text(0), let sequence = record.integer(1), let bytes = record.blob(3) else {
            return false
        }
        let number = SequenceNumber(UInt64(bitPattern: sequence))
        let checksum = bytes.withUnsafeBytes { Archive.checksum(of: number, StreamID(name), $0) }
        return record.integer(2) == Int64(checksum)
    }

    private static func stretch(
        _ cell: SQLiteWalk.Cell, _ onStretch: ((Stretch, ArraySlice<UInt8>) -> Void)?
    ) -> Stretch? {
        guard let stream = cell.record.integer(1), let last = cell.record.integer(2),
            let moved = cell.record.integer(3), let blob = cell.record.blob(4), cell.record.values.count == 5
        else { return nil }
        var row = Stretch(
            rowid: cell.rowid, stream: stream, last: UInt64(bitPattern: last), moved: UInt64(bitPattern: moved),
            place: cell.place, overflow: cell.overflow)
        row.before = blob.withUnsafeBytes { StretchRow.range(of: $0, last: row.last) }
        if row.before != nil { onStretch?(row, blob) }
        return row
    }

    private static func unreadable(_ cell: SQLiteWalk.Cell) -> Stretch {
        Stretch(
            rowid: cell.rowid, stream: cell.record.integer(1) ?? 0, last: 0, moved: 0, before: nil, place: cell.place)
    }

    // MARK: What does not fit together

    private mutating func compareIndexes() {
        for (id, name) in namesInIndex.sorted(by: { $0.key < $1.key }) where streams[id]?.row.name.rawValue != name {
            guard let row = streams[id] else {
                lostNames[id] = name
                isBroken = true
                findings.append(Finding(Self.file, nil, stream: StreamID(name), "its row of streams is missing"))
                continue
            }
            isBroken = true
            let (place, said) = (row.place, "its row says \(row.row.name), the index says \(name)")
            for stream in Set([StreamID(name), row.row.name]) {
                findings.append(Finding(place.file, place.offset, stream: stream, said))
            }
        }
        for (id, stream) in streams where namesInIndex[id] == nil {
            isBroken = true
            findings.append(
                Finding(stream.place.file, stream.place.offset, stream: stream.row.name, "the index has not its name"))
        }
        var missing = stretchesInIndex
        for row in stretches {
            let entry = missing.removeValue(forKey: row.rowid)
            if entry?.stream == row.stream, entry?.last == Int64(bitPattern: row.last) { continue }
            isBroken = true
            let name = streams[entry?.stream ?? row.stream]?.row.name
            findings.append(
                Finding(
                    row.place.file, row.place.offset, stream: name, "row \(row.rowid) of stretches and its index differ"
                ))
        }
        for (id, entry) in missing.sorted(by: { $0.key < $1.key }) {
            isBroken = true
            findings.append(
                Finding(
                    entry.place.file, entry.place.offset, stream: streams[entry.stream]?.row.name,
                    "row \(id) of stretches, which the index has, is missing"))
        }
    }

    /// Looks for rows on pages that no tree leads to.
    private mutating func readOrphans() {
        let pages = walk.pages
        guard pages.pageCount > 0 else { return }
        var cells: [SQLiteWalk.Cell] = []
        for number in 1...pages.pageCount where !walk.seen.contains(number) {
            let place = pages.place(of: number)
            findings.append(
                Finding(
                    place.file, place.offset, severity: isBroken ? .damage : .notice,
                    "page \(number) belongs to nothing"))
            guard isBroken else { continue }
            _ = walk.orphan(number) { cells.append($0) }
        }
        let known = Set(stretches.map(\.rowid))
        for cell in cells {
            if cell.record.values.count == 7, streams[cell.rowid]?.isIntact != true {
                addStream(cell)
                lostNames[cell.rowid] = nil
            } else if !known.contains(cell.rowid), let row = Self.stretch(cell, onStretch), row.before != nil {
                stretches.append(row)
            } else if position == nil, cell.record.values.count == 3, cell.rowid == 1 {
                addPosition(cell)
            }
        }
    }

    private mutating func checkRows() {
        for stream in streams.values where !stream.isIntact {
            findings.append(
                Finding(
                    stream.place.file, stream.place.offset, stream: stream.row.name,
                    "its row of streams does not have its checksum"))
        }
        for stream in streams.values {
            guard let damage = stream.row.damage else { continue }
            findings.append(
                Finding(
                    Self.file, nil, stream: stream.row.name, severity: .quarantined, "known to be damaged: \(damage)"))
        }
        var ranges: [Int64: [Stretch]] = [:]
        for row in stretches {
            let name = streams[row.stream]?.row.name ?? lostNames[row.stream].map { StreamID($0) }
            if row.before == nil {
                findings.append(
                    Finding(
                        row.place.file, row.place.offset, stream: name,
                        "row \(row.rowid) of stretches is damaged" + row.goesOn))
            }
            if name == nil {
                findings.append(
                    Finding(row.place.file, row.place.offset, "row \(row.rowid) of stretches belongs to no stream"))
            }
            if let moved = position?.commit, row.moved > moved {
                findings.append(
                    Finding(
                        row.place.file, row.place.offset, stream: name,
                        "row \(row.rowid) of stretches is of commit \(row.moved), but \(moved) is the last that moved"))
            }
            ranges[row.stream, default: []].append(row)
        }
        for (id, stream) in streams where !stream.row.isErased && stream.row.damage == nil {
            guard let gap = Self.gap(ranges[id] ?? [], to: stream.row.tail) else { continue }
            findings.append(
                Finding(
                    stream.place.file, stream.place.offset, stream: stream.row.name,
                    "its records after \(gap) are missing"))
        }
    }

    /// The number after which records are missing, or stand twice; `nil` when they are dense up to the tail.
    static func gap(_ rows: [Stretch], to tail: UInt64) -> UInt64? {
        var reached: UInt64 = 0
        for row in rows.sorted(by: { ($0.last, $0.rowid) < ($1.last, $1.rowid) }) {
            guard row.before == reached else { return reached }
            reached = row.last
        }
        return reached == tail ? nil : reached
    }
}

extension ArchiveInspection.Stretch {
    fileprivate var goesOn: String { overflow.map { "; it goes on in \($0.file) at \($0.offset)" } ?? "" }
}

/// Whether the entries of an index come in order.
private struct IndexOrder {
    enum Part: Comparable {
        case number(Int64)
        case text(String)

        static func < (left: Part, right: Part) -> Bool {
            switch (left, right) {
            case (.number(let left), .number(let right)): left < right
            case (.text(let left), .text(let right)): left.utf8.lexicographicallyPrecedes(right.utf8)
            default: false
            }
        }
    }

    private var before: [Part]?
    private(set) var wrong: [SQLiteWalk.Place] = []

    mutating func fail(_ place: SQLiteWalk.Place) { wrong.append(place) }

    mutating func check(_ entry: [Part], _ place: SQLiteWalk.Place) {
        if let before, !before.lexicographicallyPrecedes(entry) { wrong.append(place) }
        before = entry
    }
}
