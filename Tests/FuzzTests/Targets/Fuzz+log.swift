import ThroughlineCore

@testable import ThroughlineStorage

extension FuzzTarget {
    /// The bytes of the log and of the archive. Anything is read without a trap; what was written is read as it was; and
    /// what was damaged afterwards is never taken for whole.
    static let log = FuzzTarget("log") { bytes in
        var input = FuzzInput(bytes)
        switch input.byte() % 3 {
        case 0: readAnything(input.remainder())
        case 1: readResealed(input.remainder())
        default: try readDamaged(&input)
        }
    }

    private static let tag: UInt64 = 0x0102_0304_0506_0708

    private static func readAnything(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { bytes in
            for offset in stride(from: 0, to: bytes.count, by: 8) {
                guard let header = CommitHeader.decode(bytes, at: offset, storeTag: tag) else { continue }
                _ = header.isIntact(bytes, at: offset)
                LogEntry.forEach(in: bytes, at: offset, header) { _, _ in }
            }
            _ = LogEntry.decode(bytes, at: 0)
            var page = RecordPage(after: .zero, limit: ReadLimit())
            _ = RecordPacking.unpack(bytes, from: 0, into: &page)
            _ = StretchRow.unpack(bytes, last: 1, into: &page)
            _ = StoreIdentity.decode(Array(bytes))
        }
    }

    /// Gives made-up fields the checksums they would need, so that what stands behind those is reached.
    private static func readResealed(_ bytes: [UInt8]) {
        guard bytes.count >= LogEntry.headerSize else { return }
        var entry = bytes
        entry.withUnsafeMutableBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            let name = min(
                Int(UnsafeRawBufferPointer(bytes).get(UInt16.self, at: 10)), bytes.count - LogEntry.headerSize)
            let head = Checksum.crc32c(UnsafeRawBufferPointer(start: base + 8, count: 32))
            let named = UnsafeRawBufferPointer(start: base + LogEntry.headerSize, count: name)
            base.put(Checksum.crc32c(named, after: head), at: 40)
            base.put(Checksum.crc32c(UnsafeRawBufferPointer(start: base + 8, count: bytes.count - 8)), at: 4)
        }
        entry.withUnsafeBytes { bytes in
            guard case .intact(let entry) = LogEntry.decode(bytes, at: 0) else { return }
            var page = RecordPage(after: .zero, limit: ReadLimit())
            _ = RecordPacking.unpack(bytes.part(entry.records), from: entry.expecting, into: &page)
        }
        var row = bytes
        row.withUnsafeMutableBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            base.put(StretchRow.magic, at: 0)
            base.put(Checksum.crc32c(UnsafeRawBufferPointer(start: base + 8, count: bytes.count - 8)), at: 4)
        }
        row.withUnsafeBytes { bytes in
            var page = RecordPage(after: .zero, limit: ReadLimit())
            _ = StretchRow.unpack(bytes, last: bytes.get(UInt64.self, at: 16), into: &page)
        }
    }

    private static func readDamaged(_ input: inout FuzzInput) throws {
        let appends = (0...input.below(4)).map { _ in append(&input) }
        let block = ByteBlock(capacity: 4096)
        encode(appends, into: block)
        try check(Array(block.bytes), against: appends, damaged: nil)
        var damaged = Array(block.bytes)
        let place = input.below(damaged.count)
        let change = input.byte()
        guard change != 0 else { return }
        damaged[place] ^= change
        try check(damaged, against: appends, damaged: place)
    }

    private static func append(_ input: inout FuzzInput) -> LogAppend {
        let expecting = UInt64(input.below(1 << 16))
        var sequence = expecting
        let records = (0...input.below(4)).map { _ in
            let isEvent = input.byte() % 3 > 0
            if isEvent { sequence += 1 }
            return LogRecord(
                kind: isEvent ? .event : .note, sequence: SequenceNumber(sequence),
                at: Timestamp(milliseconds: Int64(input.byte()) - 20),
                payload: isEvent ? input.bytes(input.below(40)) : [], note: input.bytes(input.below(20)))
        }
        let name = "s" + input.text(input.below(60))
        return LogAppend(
            stream: StreamID(name), expecting: SequenceNumber(expecting), records: records,
            summary: input.byte() % 2 == 0 ? nil : input.bytes(input.below(30)))
    }

    private static func encode(_ appends: [LogAppend], into block: ByteBlock) {
        _ = block.extend(by: CommitHeader.size)
        for append in appends { _ = LogEntry.encode(append, into: block) }
        let body = block.bytes.part(CommitHeader.size..<block.count)
        let header = CommitHeader(
            entryCount: UInt32(appends.count), storeTag: tag, logNumber: 3, commitNumber: 7, segmentID: 2,
            length: UInt32(block.count), bodyChecksum: Checksum.crc32c(body))
        header.encode(into: block.base)
    }

    private static func check(_ bytes: [UInt8], against appends: [LogAppend], damaged place: Int?) throws {
        try bytes.withUnsafeBytes { bytes in
            guard let header = CommitHeader.decode(bytes, at: 0, storeTag: tag) else {
                return try require(place.map { $0 < CommitHeader.size } ?? false, "a whole header is not read")
            }
            try require(place.map { $0 >= CommitHeader.size } ?? true, "a damaged header is taken for whole")
            try require(header.isIntact(bytes, at: 0) == (place == nil), "damage of a commit is not seen")
            var result = Result<Int, any Error>.success(0)
            LogEntry.forEach(in: bytes, at: 0, header) { offset, decoded in
                result = result.flatMap { index in
                    Result {
                        try check(decoded, at: offset, bytes, against: appends[index], place).map { index + $0 } ?? .max
                    }
                }
            }
            let read = try result.get()
            try require(read == appends.count || (place != nil && read >= appends.count), "entries are missing")
        }
    }

    /// 1, or `nil` where the entry, being the last then, is not readable.
    private static func check(
        _ decoded: DecodedEntry, at offset: Int, _ bytes: UnsafeRawBufferPointer, against append: LogAppend,
        _ place: Int?
    ) throws -> Int? {
        switch decoded {
        case .unreadable:
            try require(place.map { $0 >= offset } ?? false, "a whole entry is not read")
            return nil
        case .damaged(let stream, let end):
            try require(place.map { offset..<end ~= $0 } ?? false, "a whole entry is said to be damaged")
            try require(stream == append.stream, "damage is said to be another stream's")
        case .intact(let entry):
            try require(place.map { !(offset..<entry.end ~= $0) } ?? true, "a damaged entry is taken for whole")
            try check(entry, bytes, append)
        }
        return 1
    }

    private static func check(_ entry: LogEntry, _ bytes: UnsafeRawBufferPointer, _ append: LogAppend) throws {
        try require(entry.kind == .append && entry.stream == append.stream, "another entry is read")
        try require(
            entry.expecting == append.expecting.rawValue && entry.tail == append.tail.rawValue
                && entry.recordCount == append.records.count, "other numbers are read")
        try require(entry.summary.map { Array(bytes[$0]) } == append.summary, "another summary is read")
        var page = RecordPage(after: .zero, limit: ReadLimit())
        try require(
            RecordPacking.unpack(bytes.part(entry.records), from: entry.expecting, into: &page), "records are not read")
        // Notes before the first event carry the number 0, which is not after zero.
        let expected = append.records.filter { $0.sequence > .zero }
        try require(page.records == expected, "other records are read")
    }
}
