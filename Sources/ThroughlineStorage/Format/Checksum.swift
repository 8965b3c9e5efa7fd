/// CRC-32C (Castagnoli, RFC 3720 appendix B.4), eight bytes a step from tables: the same on every processor.
enum Checksum {
    /// Eight tables of 256 entries. Written once, before anybody sees the pointer, and never freed: safe to share.
    private nonisolated(unsafe) static let tables: UnsafePointer<UInt32> = makeTables()

    /// The checksum of bytes, going on from the checksum of what stands before them.
    static func crc32c(_ bytes: UnsafeRawBufferPointer, after previous: UInt32 = 0) -> UInt32 {
        guard var pointer = bytes.baseAddress else { return previous }
        let table = tables
        var left = bytes.count
        var crc = ~previous
        while left >= 8 {
            let word = UInt64(littleEndian: pointer.loadUnaligned(as: UInt64.self)) ^ UInt64(crc)
            crc =
                table[0x700 + Int(truncatingIfNeeded: word & 0xff)]
                ^ table[0x600 + Int(truncatingIfNeeded: word >> 8 & 0xff)]
                ^ table[0x500 + Int(truncatingIfNeeded: word >> 16 & 0xff)]
                ^ table[0x400 + Int(truncatingIfNeeded: word >> 24 & 0xff)]
                ^ table[0x300 + Int(truncatingIfNeeded: word >> 32 & 0xff)]
                ^ table[0x200 + Int(truncatingIfNeeded: word >> 40 & 0xff)]
                ^ table[0x100 + Int(truncatingIfNeeded: word >> 48 & 0xff)]
                ^ table[Int(truncatingIfNeeded: word >> 56)]
            pointer += 8
            left -= 8
        }
        while left > 0 {
            crc = table[Int(UInt8(truncatingIfNeeded: crc) ^ pointer.load(as: UInt8.self))] ^ (crc >> 8)
            pointer += 1
            left -= 1
        }
        return ~crc
    }

    private static func makeTables() -> UnsafePointer<UInt32> {
        let table = UnsafeMutablePointer<UInt32>.allocate(capacity: 8 * 256)
        for byte in 0..<256 {
            var crc = UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ 0x82f6_3b78 : crc >> 1 }
            table[byte] = crc
        }
        for index in 256..<8 * 256 {
            let before = table[index - 256]
            table[index] = (before >> 8) ^ table[Int(before & 0xff)]
        }
        return UnsafePointer(table)
    }
}
