import ThroughlineCore

/// Records one behind the other, as they stand in the log and, unchanged, in SQLite.
///
/// ```
///  0  u32  length of the payload
///  4  u32  length of the note
///  8  i64  time, milliseconds since 1970
/// 16  u8   kind: 1 event, 2 note, 3 gap
/// 17  u8   zero, three times
/// 20       payload, note
/// ```
///
/// A gap stands where events were that have been let go, only in SQLite: its payload is their number (u64), its time zero.
///
/// Sequence numbers are not written: they are counted from the number before the first record.
enum RecordPacking {
    static let headerSize = 20

    static func size(of records: [LogRecord]) -> Int {
        var size = records.count * headerSize
        for record in records { size += record.payload.count + record.note.count }
        return size
    }

    /// Stops the process when the numbers are not dense: what is written could not be read back.
    static func pack(_ records: [LogRecord], from before: UInt64, into base: UnsafeMutableRawPointer) {
        var sequence = before
        var base = base
        for record in records {
            if record.kind == .event { sequence += 1 }
            precondition(record.sequence.rawValue == sequence, "records of an append are not numbered without a gap")
            base.put(UInt32(record.payload.count), at: 0)
            base.put(UInt32(record.note.count), at: 4)
            base.put(record.at.rawValue, at: 8)
            base.put(UInt32(record.kind.rawValue), at: 16)
            base += headerSize
            record.payload.withUnsafeBytes { base.copy($0) }
            base += record.payload.count
            record.note.withUnsafeBytes { base.copy($0) }
            base += record.note.count
        }
    }

    /// Adds to a page the records that belong there. False when the bytes are not packed records.
    static func unpack(_ bytes: UnsafeRawBufferPointer, from before: UInt64, into page: inout RecordPage) -> Bool {
        var sequence = before
        var offset = 0
        while offset < bytes.count, !page.isFull {
            guard offset + headerSize <= bytes.count else { return false }
            guard let kind = LogRecord.Kind(rawValue: bytes[offset + 16]) else {
                guard let gap = gap(in: bytes, at: offset) else { return false }
                sequence &+= gap
                offset += gapSize
                continue
            }
            let payload = offset + headerSize
            let note = payload + Int(bytes.get(UInt32.self, at: offset))
            let end = note + Int(bytes.get(UInt32.self, at: offset + 4))
            guard end <= bytes.count else { return false }
            if kind == .event { sequence &+= 1 }
            if page.admits(kind, sequence: sequence, bytes: end - payload) {
                if let take = page.take {
                    if kind == .event { take(SequenceNumber(sequence), bytes.part(payload..<note)) }
                } else {
                    page.records.append(
                        LogRecord(
                            kind: kind, sequence: SequenceNumber(sequence),
                            at: Timestamp(rawValue: bytes.get(Int64.self, at: offset + 8)),
                            payload: Array(bytes.part(payload..<note)), note: Array(bytes.part(note..<end))))
                }
            }
            offset = end
        }
        page.endStretch()
        return true
    }
}

// MARK: - Gaps

extension RecordPacking {
    private static let gapKind: UInt8 = 3
    static let gapSize = headerSize + 8

    /// How many events a gap stands for; `nil` where there is none.
    private static func gap(in bytes: UnsafeRawBufferPointer, at offset: Int) -> UInt64? {
        guard offset + gapSize <= bytes.count, bytes[offset + 16] == gapKind, bytes.get(UInt32.self, at: offset) == 8,
            bytes.get(UInt32.self, at: offset + 4) == 0
        else { return nil }
        return bytes.get(UInt64.self, at: offset + headerSize)
    }

    /// Adds a gap of so many events to a block.
    static func putGap(_ events: UInt64, into block: ByteBlock) {
        if events == 0 { return }
        let base = block.extend(by: gapSize)
        base.initializeMemory(as: UInt8.self, repeating: 0, count: gapSize)
        base.put(UInt32(8), at: 0)
        base.put(UInt32(gapKind), at: 16)
        base.put(events, at: headerSize)
    }

    /// How many events there are or were; `nil` when the bytes are not packed records.
    static func events(in bytes: UnsafeRawBufferPointer) -> UInt64? {
        var events: UInt64 = 0
        return walk(bytes) { record in events &+= record.events } ? events : nil
    }

    /// Adds to a block the records that are left when the events up to a number have gone, with their notes and those behind them,
    /// but for the notes behind the last. False when the bytes are not packed records.
    static func trim(
        _ bytes: UnsafeRawBufferPointer, from before: UInt64, upTo last: UInt64, into block: ByteBlock
    ) -> Bool {
        sift(bytes, from: before, into: block) { kind, sequence in
            kind == .note ? sequence >= last : sequence > last
        }
    }

    /// Adds to a block the records that are left without some events, whose numbers are in order. False when the bytes are not packed
    /// records.
    ///
    /// - Parameter gone: How many have.
    static func thin(
        _ bytes: UnsafeRawBufferPointer, from before: UInt64, _ events: ArraySlice<UInt64>, into block: ByteBlock,
        gone: inout Int
    ) -> Bool {
        var left = events
        return sift(bytes, from: before, into: block) { kind, sequence in
            if kind == .note { return true }
            while let next = left.first, next < sequence { left.removeFirst() }
            if left.first != sequence { return true }
            gone += 1
            return false
        }
    }

    /// Adds records to a block, with gaps in the place of the events that do not stay.
    private static func sift(
        _ bytes: UnsafeRawBufferPointer, from before: UInt64, into block: ByteBlock,
        _ stays: (LogRecord.Kind, UInt64) -> Bool
    ) -> Bool {
        var (sequence, gone) = (before, UInt64(0))
        let isRead = walk(bytes) { record in
            sequence &+= record.events
            guard let kind = record.kind, stays(kind, sequence) else {
                gone &+= record.events
                return
            }
            putGap(gone, into: block)
            gone = 0
            let source = bytes.part(record.place)
            block.extend(by: source.count).copy(source)
        }
        putGap(gone, into: block)
        return isRead
    }

    private struct Packed {
        /// `nil`: a gap.
        var kind: LogRecord.Kind?
        var events: UInt64
        var place: Range<Int>
    }

    /// Calls `body` for each record. False when the bytes are not packed records.
    private static func walk(_ bytes: UnsafeRawBufferPointer, _ body: (Packed) -> Void) -> Bool {
        var offset = 0
        while offset < bytes.count {
            guard offset + headerSize <= bytes.count else { return false }
            let kind = LogRecord.Kind(rawValue: bytes[offset + 16])
            let gap = kind == nil ? gap(in: bytes, at: offset) : nil
            if kind == nil, gap == nil { return false }
            let end =
                offset + headerSize + Int(bytes.get(UInt32.self, at: offset))
                + Int(bytes.get(UInt32.self, at: offset + 4))
            guard end <= bytes.count else { return false }
            body(Packed(kind: kind, events: gap ?? (kind == .event ? 1 : 0), place: offset..<end))
            offset = end
        }
        return true
    }
}

/// The result of a read while it grows: keeps to the limit, but takes at least one record, and an event with all its notes.
struct RecordPage {
    typealias PayloadTaker = (SequenceNumber, UnsafeRawBufferPointer) -> Void

    let after: UInt64
    let limit: ReadLimit
    /// Gets the payloads of the events, if nobody wants records.
    let take: PayloadTaker?
    var records: [LogRecord] = []
    private var count = 0
    private(set) var bytes = 0
    private(set) var isFull = false

    init(after: SequenceNumber, limit: ReadLimit, take: PayloadTaker? = nil) {
        self.after = after.rawValue
        self.limit = limit
        self.take = take
    }

    /// Whether the next record in order goes into the page; counts it if so. The first event that does not fit ends the page.
    mutating func admits(_ kind: LogRecord.Kind, sequence: UInt64, bytes size: Int) -> Bool {
        // Who wants payloads gets one, whatever notes are left of events that have gone.
        if sequence <= after || kind == .note && take != nil { return false }
        if kind == .event, count > 0, count >= limit.records || bytes + size > limit.bytes + limit.slack {
            isFull = true
            return false
        }
        count += 1
        bytes += size
        return true
    }

    /// What was read in one piece ends. A page with slack begins no other piece once it has what was asked for.
    mutating func endStretch() {
        if limit.slack > 0, bytes >= limit.bytes { isFull = true }
    }
}
