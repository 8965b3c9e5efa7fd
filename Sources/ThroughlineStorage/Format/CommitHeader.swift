/// The head of one commit in the log.
///
/// ```
///  0  u64  magic "TLCOMMIT"
///  8  u16  format version, 1
/// 10  u16  zero
/// 12  u32  number of entries
/// 16  u64  store tag: the first eight bytes of the store's identity
/// 24  u64  log number: grows by one each time a segment file is taken into use
/// 32  u64  commit number: 1, 2, 3, ... through all segments, no gap
/// 40  u32  segment id: the number in the file's name
/// 44  u32  length of header and entries, without the padding
/// 48  u64  zero
/// 56  u32  CRC-32C of the entries
/// 60  u32  CRC-32C of bytes 0 to 59
/// 64       entries, then zeros up to a multiple of 8, and 64 more or up to the end of the file
/// ```
struct CommitHeader: Equatable {
    static let size = 64
    /// So many zeros behind every commit, which the next one overwrites: what stands there is not taken for a part of it.
    static let endMark = 64
    static let version: UInt16 = 1
    /// "TLCOMMIT" read as a little-endian number.
    static let magic: UInt64 = 0x5449_4d4d_4f43_4c54

    var entryCount: UInt32
    var storeTag: UInt64
    var logNumber: UInt64
    var commitNumber: UInt64
    var segmentID: UInt32
    var length: UInt32
    var bodyChecksum: UInt32

    /// The bytes from this commit to the place where the next one starts.
    var stride: Int { Self.padded(Int(length)) }

    static func padded(_ length: Int) -> Int { (length + 7) & ~7 }

    func encode(into base: UnsafeMutableRawPointer) {
        base.put(Self.magic, at: 0)
        base.put(Self.version, at: 8)
        base.put(UInt16(0), at: 10)
        base.put(entryCount, at: 12)
        base.put(storeTag, at: 16)
        base.put(logNumber, at: 24)
        base.put(commitNumber, at: 32)
        base.put(segmentID, at: 40)
        base.put(length, at: 44)
        base.put(UInt64(0), at: 48)
        base.put(bodyChecksum, at: 56)
        base.put(Checksum.crc32c(UnsafeRawBufferPointer(start: base, count: 60)), at: 60)
    }

    /// The header at an offset; `nil` when there is none, or none of this store. Says nothing about the entries.
    static func decode(_ bytes: UnsafeRawBufferPointer, at offset: Int, storeTag: UInt64) -> CommitHeader? {
        guard offset >= 0, offset + size <= bytes.count, bytes.get(UInt64.self, at: offset) == magic else { return nil }
        let head = bytes.part(offset..<offset + size)
        guard head.get(UInt32.self, at: 60) == Checksum.crc32c(head.part(0..<60)),
            head.get(UInt16.self, at: 8) == version, head.get(UInt64.self, at: 16) == storeTag
        else { return nil }
        let header = CommitHeader(
            entryCount: head.get(UInt32.self, at: 12), storeTag: storeTag, logNumber: head.get(UInt64.self, at: 24),
            commitNumber: head.get(UInt64.self, at: 32), segmentID: head.get(UInt32.self, at: 40),
            length: head.get(UInt32.self, at: 44), bodyChecksum: head.get(UInt32.self, at: 56))
        return header.length >= UInt32(size) ? header : nil
    }

    /// Whether the entries behind this header are all there and whole.
    func isIntact(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Bool {
        let end = offset + Int(length)
        return end <= bytes.count && Checksum.crc32c(bytes.part(offset + Self.size..<end)) == bodyChecksum
    }
}
