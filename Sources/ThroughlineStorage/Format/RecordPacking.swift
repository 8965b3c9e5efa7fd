import ThroughlineCore

/// Records one behind the other, as they stand in the log and, unchanged, in SQLite.
///
/// ```
///  0  u32  length of the payload
///  4  u32  length of the note
///  8  i64  time, milliseconds since 1970
/// 16  u8   kind: 1 event, 2 note
/// 17  u8   zero, three times
/// 20       payload, note
/// ```
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
            guard offset + headerSize <= bytes.count, let kind = LogRecord.Kind(rawValue: bytes[offset + 16]) else {
                return false
            }
            let payload = offset + headerSize
            let note = payload + Int(bytes.get(UInt32.self, at: offset))
            let end = note + Int(bytes.get(UInt32.self, at: offset + 4))
            guard end <= bytes.count else { return false }
            if kind == .event { sequence &+= 1 }
            if page.admits(kind, sequence: sequence, bytes: end - payload) {
                page.records.append(
                    LogRecord(
                        kind: kind, sequence: SequenceNumber(sequence),
                        at: Timestamp(rawValue: bytes.get(Int64.self, at: offset + 8)),
                        payload: Array(bytes[payload..<note]), note: Array(bytes[note..<end])))
            }
            offset = end
        }
        return true
    }
}

extension RecordPacking {
    /// How many events there are; `nil` when the bytes are not packed records.
    static func events(in bytes: UnsafeRawBufferPointer) -> Int? {
        var (offset, events) = (0, 0)
        while offset < bytes.count {
            guard offset + headerSize <= bytes.count, let kind = LogRecord.Kind(rawValue: bytes[offset + 16]) else {
                return nil
            }
            if kind == .event { events += 1 }
            offset +=
                headerSize + Int(bytes.get(UInt32.self, at: offset)) + Int(bytes.get(UInt32.self, at: offset + 4))
        }
        return offset == bytes.count ? events : nil
    }
}

/// The result of a read while it grows: keeps to the limit, but takes at least one record, and an event with all its notes.
struct RecordPage {
    let after: UInt64
    let limit: ReadLimit
    var records: [LogRecord] = []
    private(set) var bytes = 0
    private(set) var isFull = false

    init(after: SequenceNumber, limit: ReadLimit) {
        self.after = after.rawValue
        self.limit = limit
    }

    /// Whether the next record in order goes into the page; counts it if so. The first event that does not fit ends the page.
    mutating func admits(_ kind: LogRecord.Kind, sequence: UInt64, bytes size: Int) -> Bool {
        if sequence <= after { return false }
        if kind == .event, !records.isEmpty, records.count >= limit.records || bytes + size > limit.bytes {
            isFull = true
            return false
        }
        bytes += size
        return true
    }
}
