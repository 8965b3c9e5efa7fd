/// The blob of one row of `stretches`.
///
/// ```
///  0  u32  magic "TLST"
///  4  u32  CRC-32C of bytes 8 to the end
///  8  u64  the stream's tail before these records
/// 16  u64  the stream's tail after them
/// 24       records (see RecordPacking)
/// ```
enum StretchRow {
    static let headerSize = 24
    static let magic: UInt32 = 0x5453_4c54

    /// Starts a blob; records are added behind, then it is sealed.
    static func begin(_ block: ByteBlock) {
        block.removeAll(keeping: 1 << 20)
        _ = block.extend(by: headerSize)
    }

    static func seal(_ block: ByteBlock, before: UInt64, last: UInt64) {
        block.base.put(magic, at: 0)
        block.base.put(before, at: 8)
        block.base.put(last, at: 16)
        block.base.put(Checksum.crc32c(block.bytes.part(8..<block.count)), at: 4)
    }

    /// Adds to a page what belongs there. Returns the tail before these records; `nil` when the blob is damaged.
    static func unpack(_ bytes: UnsafeRawBufferPointer, last: UInt64, into page: inout RecordPage) -> UInt64? {
        guard isIntact(bytes), bytes.get(UInt64.self, at: 16) == last else { return nil }
        let before = bytes.get(UInt64.self, at: 8)
        let records = bytes.part(headerSize..<bytes.count)
        return RecordPacking.unpack(records, from: before, into: &page) ? before : nil
    }

    /// Whether a blob is whole. Says nothing about whose it is.
    static func isIntact(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count >= headerSize && bytes.get(UInt32.self, at: 0) == magic
            && bytes.get(UInt32.self, at: 4) == Checksum.crc32c(bytes.part(8..<bytes.count))
    }

    /// The tail before the records of a blob whose every record can be read and which ends with `last`; else `nil`.
    static func range(of bytes: UnsafeRawBufferPointer, last: UInt64) -> UInt64? {
        guard isIntact(bytes), bytes.get(UInt64.self, at: 16) == last else { return nil }
        let before = bytes.get(UInt64.self, at: 8)
        let events = RecordPacking.events(in: bytes.part(headerSize..<bytes.count))
        return events.map { before &+ $0 } == last ? before : nil
    }

    /// Makes a blob of what is left of one when the events up to a number have gone. Returns the tail before the records; `nil` when
    /// the blob is damaged.
    static func cut(
        _ bytes: UnsafeRawBufferPointer, last: UInt64, upTo end: UInt64, into block: ByteBlock
    ) -> UInt64? {
        guard isIntact(bytes), bytes.get(UInt64.self, at: 16) == last else { return nil }
        let before = bytes.get(UInt64.self, at: 8)
        begin(block)
        let records = bytes.part(headerSize..<bytes.count)
        guard RecordPacking.trim(records, from: before, upTo: end, into: block) else { return nil }
        seal(block, before: before, last: last)
        return before
    }

    /// Makes a blob of what is left of one without some events, whose numbers are in order. Returns how many have gone; `nil` when the
    /// blob is damaged.
    static func thin(
        _ bytes: UnsafeRawBufferPointer, last: UInt64, _ events: ArraySlice<UInt64>, into block: ByteBlock
    ) -> Int? {
        guard isIntact(bytes), bytes.get(UInt64.self, at: 16) == last else { return nil }
        let before = bytes.get(UInt64.self, at: 8)
        begin(block)
        let records = bytes.part(headerSize..<bytes.count)
        var gone = 0
        guard RecordPacking.thin(records, from: before, events, into: block, gone: &gone) else { return nil }
        seal(block, before: before, last: last)
        return gone
    }

    /// A blob with nothing in it but a gap, from the stream's beginning.
    static func putGap(upTo last: UInt64, into block: ByteBlock) {
        begin(block)
        RecordPacking.putGap(last, into: block)
        seal(block, before: 0, last: last)
    }

    /// The size of such a blob.
    static let gapSize = headerSize + RecordPacking.gapSize
}
