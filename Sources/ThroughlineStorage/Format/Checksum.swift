import CThroughlineChecksum

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4): by the processor's own instruction where there is one.
enum Checksum {
    /// The checksum of bytes, going on from the checksum of what stands before them.
    @inline(__always)
    static func crc32c(_ bytes: UnsafeRawBufferPointer, after previous: UInt32 = 0) -> UInt32 {
        guard let base = bytes.baseAddress else { return previous }
        return throughline_crc32c(previous, base, bytes.count)
    }
}
