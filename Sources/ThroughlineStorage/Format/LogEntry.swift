import ThroughlineCore

/// One append or one erasure in a commit.
///
/// ```
///  0  u32  length of the whole entry
///  4  u32  CRC-32C of bytes 8 to the end
///  8  u8   what it is: 1 append, 2 erase
///  9  u8   1 when there is a summary, else 0
/// 10  u16  length of the stream's name
/// 12  u32  number of records
/// 16  u64  expecting: the stream's tail before
/// 24  u64  the stream's tail after
/// 32  u32  length of the summary
/// 36  u32  length of the records
/// 40  u32  CRC-32C of bytes 8 to 39 and the name: tells whose entry it is when the rest is damaged
/// 44  u32  zero
/// 48       name, summary, records (see RecordPacking)
/// ```
struct LogEntry {
    static let headerSize = 48
    static let maximumNameBytes = 300
    static let maximumSummaryBytes = 32 << 10

    enum Kind: UInt8 {
        case append = 1
        case erase = 2
    }

    var kind: Kind
    var stream: StreamID
    var expecting: UInt64
    var tail: UInt64
    var recordCount: Int
    /// Places in the bytes that were decoded.
    var summary: Range<Int>?
    var records: Range<Int>
    var end: Int

    /// Lays out an append at the end of a block and returns its length.
    static func encode(_ append: LogAppend, into block: ByteBlock) -> Int {
        let recordBytes = RecordPacking.size(of: append.records)
        let summary = append.summary
        let nameLength = append.stream.rawValue.utf8.count
        let length = headerSize + nameLength + (summary?.count ?? 0) + recordBytes
        let base = block.extend(by: length)
        base.put(Kind.append.rawValue, at: 8)
        base.put(UInt8(summary == nil ? 0 : 1), at: 9)
        base.put(UInt32(append.records.count), at: 12)
        base.put(append.expecting.rawValue, at: 16)
        base.put(append.tail.rawValue, at: 24)
        base.put(UInt32(summary?.count ?? 0), at: 32)
        base.put(UInt32(recordBytes), at: 36)
        var offset = putName(append.stream, nameLength, into: base)
        if let summary {
            summary.withUnsafeBytes { (base + offset).copy($0) }
            offset += summary.count
        }
        RecordPacking.pack(append.records, from: append.expecting.rawValue, into: base + offset)
        seal(base, length)
        return length
    }

    /// Lays out an erasure at the end of a block and returns its length.
    static func encode(erasing stream: StreamID, into block: ByteBlock) -> Int {
        let nameLength = stream.rawValue.utf8.count
        let length = headerSize + nameLength
        let base = block.extend(by: length)
        base.initializeMemory(as: UInt8.self, repeating: 0, count: headerSize)
        base.put(Kind.erase.rawValue, at: 8)
        _ = putName(stream, nameLength, into: base)
        seal(base, length)
        return length
    }

    private static func putName(_ stream: StreamID, _ length: Int, into base: UnsafeMutableRawPointer) -> Int {
        var name = stream.rawValue
        name.withUTF8 { (base + headerSize).copy(UnsafeRawBufferPointer($0)) }
        base.put(UInt16(length), at: 10)
        let head = Checksum.crc32c(UnsafeRawBufferPointer(start: base + 8, count: 32))
        let named = UnsafeRawBufferPointer(start: base + headerSize, count: length)
        base.put(Checksum.crc32c(named, after: head), at: 40)
        base.put(UInt32(0), at: 44)
        return headerSize + length
    }

    private static func seal(_ base: UnsafeMutableRawPointer, _ length: Int) {
        base.put(UInt32(length), at: 0)
        base.put(Checksum.crc32c(UnsafeRawBufferPointer(start: base + 8, count: length - 8)), at: 4)
    }
}

/// What stands at a place where an entry should be.
enum DecodedEntry {
    case intact(LogEntry)
    /// The entry is damaged, but its stream and its end are known.
    case damaged(StreamID, end: Int)
    /// Not even that is known.
    case unreadable
}

extension LogEntry {
    /// Reads the entry at an offset of bytes that end with the commit.
    ///
    /// - Parameter isIntact: The checksum of the whole commit was right: those of the entry are not looked at.
    static func decode(
        _ bytes: UnsafeRawBufferPointer, at offset: Int, isIntact: Bool = false
    ) -> DecodedEntry {
        guard offset + headerSize <= bytes.count else { return .unreadable }
        let nameLength = Int(bytes.get(UInt16.self, at: offset + 10))
        let nameStart = offset + headerSize
        guard (1...maximumNameBytes).contains(nameLength), nameStart + nameLength <= bytes.count else {
            return .unreadable
        }
        let named = bytes.part(nameStart..<nameStart + nameLength)
        guard isIntact || headChecksum(bytes, at: offset, named) == bytes.get(UInt32.self, at: offset + 40) else {
            return .unreadable
        }
        let stream = StreamID(String(decoding: named, as: UTF8.self))

        // The head is whole, so the lengths in it are what was written.
        let summaryLength = Int(bytes.get(UInt32.self, at: offset + 32))
        let recordsLength = Int(bytes.get(UInt32.self, at: offset + 36))
        let records = nameStart + nameLength + summaryLength
        let end = records + recordsLength
        guard end <= bytes.count, let kind = Kind(rawValue: bytes[offset + 8]) else { return .unreadable }
        guard Int(bytes.get(UInt32.self, at: offset)) == end - offset,
            isIntact || Checksum.crc32c(bytes.part(offset + 8..<end)) == bytes.get(UInt32.self, at: offset + 4)
        else { return .damaged(stream, end: end) }
        return .intact(
            LogEntry(
                kind: kind, stream: stream, expecting: bytes.get(UInt64.self, at: offset + 16),
                tail: bytes.get(UInt64.self, at: offset + 24),
                recordCount: Int(bytes.get(UInt32.self, at: offset + 12)),
                summary: bytes[offset + 9] == 1 ? records - summaryLength..<records : nil,
                records: records..<end, end: end))
    }

    private static func headChecksum(
        _ bytes: UnsafeRawBufferPointer, at offset: Int, _ name: UnsafeRawBufferPointer
    ) -> UInt32 {
        Checksum.crc32c(name, after: Checksum.crc32c(bytes.part(offset + 8..<offset + 40)))
    }
}

extension LogEntry {
    /// Calls `body` with the place and the meaning of each entry of a commit; the last when one is unreadable.
    static func forEach(
        in bytes: UnsafeRawBufferPointer, at start: Int, _ header: CommitHeader, isIntact: Bool = false,
        _ body: (Int, DecodedEntry) -> Void
    ) {
        let commit = UnsafeRawBufferPointer(rebasing: bytes[..<min(start + Int(header.length), bytes.count)])
        var offset = start + CommitHeader.size
        for _ in 0..<header.entryCount {
            let decoded = decode(commit, at: offset, isIntact: isIntact)
            body(offset, decoded)
            switch decoded {
            case .intact(let entry): offset = entry.end
            case .damaged(_, let end): offset = end
            case .unreadable: return
            }
        }
    }
}
