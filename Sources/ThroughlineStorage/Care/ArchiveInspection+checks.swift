import ThroughlineCore

/// What does not fit together.
extension ArchiveInspection {
    mutating func compareIndexes() {
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
    mutating func readOrphans() {
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

    mutating func checkRows() {
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
