/// One block of a backup: a file is "TLBACKUP" and then blocks, one behind the other.
///
/// ```
///  0  u32  length of the payload
///  4  u32  CRC-32C of bytes 8 to the end
///  8  u8   kind
///  9  u8   zero, three times
/// 12  u32  number of the block: 0, 1, 2, ... no gap
/// 16       payload
/// ```
///
/// Integers are little-endian. The payloads:
///
/// ```
/// 1 begin    u32 version of the backup's format (1), u64 time, 32 bytes identity, u64 last commit in the rows, u64 its log number
/// 2 stream   u64 row, u64 tail, u8 erased, u32 length of the name, u32 of the summary plus one (0: none),
///            u32 of the damage plus one; name, summary, damage
/// 3 stretch  u64 row, u64 row of its stream, u64 last, u64 moved; the blob
/// 4 damaged  u64 row of its stream, u32 length of the place; place, bytes
/// 5 commit   a commit as it stands in the log
/// 6 end      u64 streams, u64 stretches, u64 commits, u64 last commit
/// ```
struct BackupBlock {
    enum Kind: UInt8 {
        case begin = 1
        case stream, stretch, damagedEntry, commit, end
    }

    static let magic = Array("TLBACKUP".utf8)
    static let version: UInt32 = 1
    static let headerSize = 16
    /// More than any commit or row can have.
    static let maximumPayload = 1 << 28

    var kind: Kind
    var number: UInt32
    var payload: [UInt8]

    func encode(into output: inout [UInt8]) {
        var body: [UInt8] = [kind.rawValue, 0, 0, 0]
        body.append(number)
        let head = body.withUnsafeBytes { Checksum.crc32c($0) }
        output.append(UInt32(payload.count))
        output.append(payload.withUnsafeBytes { Checksum.crc32c($0, after: head) })
        output += body
        output += payload
    }

    /// The block behind a header of 16 bytes; `nil` when it is not what was written, or not the one that has to come next.
    static func decode(_ header: [UInt8], _ payload: [UInt8], number: UInt32) -> BackupBlock? {
        let head = header.withUnsafeBytes { Checksum.crc32c($0.part(8..<16)) }
        let (checksum, found) = header.withUnsafeBytes { ($0.get(UInt32.self, at: 4), $0.get(UInt32.self, at: 12)) }
        guard let kind = Kind(rawValue: header[8]), found == number,
            payload.withUnsafeBytes({ Checksum.crc32c($0, after: head) }) == checksum
        else { return nil }
        return BackupBlock(kind: kind, number: number, payload: payload)
    }
}

extension [UInt8] {
    /// Adds an integer, low byte first.
    mutating func append<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}

/// Takes a payload apart from its start on.
struct BackupPayload {
    private var rest: ArraySlice<UInt8>
    /// Whether everything that was asked for was there.
    private(set) var isGood = true

    init(_ payload: [UInt8]) { rest = payload[...] }

    mutating func number<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Value.Type) -> Value {
        bytes(MemoryLayout<Value>.size).withUnsafeBytes {
            $0.count < MemoryLayout<Value>.size ? 0 : $0.get(type, at: 0)
        }
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        guard count <= rest.count else {
            isGood = false
            return []
        }
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    mutating func remaining() -> [UInt8] { bytes(rest.count) }

    /// Bytes that may be none at all, by their length plus one.
    mutating func optional(_ countPlusOne: UInt32) -> [UInt8]? {
        countPlusOne == 0 ? nil : bytes(Int(countPlusOne) - 1)
    }
}
