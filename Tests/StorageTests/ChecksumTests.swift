import CThroughlineChecksum
import Testing
import ThroughlineTestKit

@Suite struct ChecksumTests {
    /// The vectors of RFC 3720, appendix B.4.
    static let vectors: [(bytes: [UInt8], checksum: UInt32)] = [
        ([UInt8](repeating: 0, count: 32), 0x8a91_36aa),
        ([UInt8](repeating: 0xff, count: 32), 0x62a8_ab43),
        ([UInt8](0...31), 0x46dd_794e),
        ([UInt8]((0...31).reversed()), 0x113f_db5c),
        (Array("123456789".utf8), 0xe306_9283),
    ]

    @Test(arguments: vectors)
    func `both ways give what the RFC says`(_ bytes: [UInt8], _ checksum: UInt32) {
        #expect(throughline_crc32c(0, bytes, bytes.count) == checksum)
        #expect(throughline_crc32c_portable(0, bytes, bytes.count) == checksum)
    }

    @Test func `both ways agree on any bytes, at any place, in any pieces`() {
        var random = SeededRandom(seed: 1)
        let bytes = (0..<12_000).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        bytes.withUnsafeBytes { bytes in
            for _ in 0..<2000 {
                let start = Int.random(in: 0..<64, using: &random)
                let count = Int.random(in: 0...(random.chance(4) ? 11_000 : 300), using: &random)
                let first = Int.random(in: 0...count, using: &random)
                let base = bytes.baseAddress! + start
                let whole = throughline_crc32c_portable(0, base, count)
                #expect(throughline_crc32c(0, base, count) == whole)
                let part = throughline_crc32c(0, base, first)
                #expect(throughline_crc32c(part, base + first, count - first) == whole)
            }
        }
    }
}
