import ThroughlineCore

/// Reading the tables and their indexes.
extension ArchiveInspection {
    private mutating func tree(_ root: Int, isIndex: Bool, _ body: (SQLiteWalk.Cell) -> Void) {
        let known = walk.problems.count
        walk.tree(at: root, isIndex: isIndex, body)
        takeProblems(after: known)
    }

    private mutating func takeProblems(after known: Int) {
        for problem in walk.problems[known...] { broken(problem.place.file, problem.place.offset, problem.text) }
    }

    mutating func readSchema() {
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

    mutating func readTables() {
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

    mutating func addStream(_ cell: SQLiteWalk.Cell) {
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

    mutating func addPosition(_ cell: SQLiteWalk.Cell) {
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

    static func stretch(
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
}
