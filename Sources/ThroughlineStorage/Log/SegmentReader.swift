import Glibc

/// The bytes of a segment file while a store opens: read in pieces, and no further than somebody asks.
///
/// The pieces grow, so that a file with little in it costs little and a full one is read at the speed of the disk.
struct SegmentReader {
    let file: SegmentFile
    let files: FileSystem
    private let block = ByteBlock(capacity: 4096)
    /// Where in the file the block begins.
    private var start = 0
    private var piece = 64 << 10

    private static let largestPiece = 1 << 20

    init(_ file: SegmentFile, _ files: FileSystem) {
        self.file = file
        self.files = files
    }

    /// At least so many bytes from an offset on, fewer only at the end of the file. Valid until the next call.
    mutating func bytes(at offset: Int, count: Int) throws(SystemCallError) -> UnsafeRawBufferPointer {
        let end = min(offset + count, file.capacity)
        guard offset < end else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        if offset < start || end > start + block.count { try load(offset, max(count, piece)) }
        let held = block.bytes
        return offset - start < held.count ? held.part(offset - start..<held.count) : held.part(0..<0)
    }

    private mutating func load(_ offset: Int, _ count: Int) throws(SystemCallError) {
        piece = min(piece * 2, Self.largestPiece)
        let size = min(count, file.capacity - offset)
        block.removeAll(keeping: max(size, Self.largestPiece))
        start = offset
        let room = UnsafeMutableRawBufferPointer(start: block.extend(by: size), count: size)
        block.truncate(to: try files.read(file.descriptor, room, offset))
    }

    /// The header at an offset; `nil` when there is none, or none of this store.
    mutating func header(at offset: Int, storeTag: UInt64) throws(SystemCallError) -> CommitHeader? {
        CommitHeader.decode(try bytes(at: offset, count: CommitHeader.size), at: 0, storeTag: storeTag)
    }

    /// What stands from an offset to the end of the file.
    enum Rest: Equatable {
        case zeros
        case noCommit
        /// A header that was looked for is here.
        case commit(at: Int)
    }

    /// Looks through the file from an offset for the header of a commit.
    mutating func rest(
        from offset: Int, storeTag: UInt64, where isWanted: (CommitHeader) -> Bool
    ) throws(SystemCallError) -> Rest {
        var offset = CommitHeader.padded(offset)
        var rest = Rest.zeros
        while offset < file.capacity {
            let bytes = try bytes(at: offset, count: min(Self.largestPiece, file.capacity - offset))
            if bytes.isEmpty { break }
            if !bytes.isZero {
                rest = .noCommit
                if let place = bytes.firstCommit(storeTag, where: isWanted) { return .commit(at: offset + place) }
            }
            // A header may begin in this piece and end in the next.
            let isLast = offset + bytes.count >= file.capacity
            offset += isLast ? bytes.count : max(8, (bytes.count - CommitHeader.size) & ~7)
        }
        return rest
    }
}

extension UnsafeRawBufferPointer {
    /// Whether there are only zeros. As fast as memory can be read.
    fileprivate var isZero: Bool {
        guard let base = baseAddress, count > 0 else { return true }
        return self[0] == 0 && memcmp(base, base + 1, count - 1) == 0
    }

    /// The place of the first header, at a multiple of 8, that is wanted.
    fileprivate func firstCommit(_ storeTag: UInt64, where isWanted: (CommitHeader) -> Bool) -> Int? {
        var offset = 0
        while offset + CommitHeader.size <= count,
            let found = memchr(baseAddress! + offset, Int32(CommitHeader.magic & 0xff), count - offset)
        {
            let place = UnsafeRawPointer(found) - baseAddress!
            if place % 8 == 0, let header = CommitHeader.decode(self, at: place, storeTag: storeTag), isWanted(header) {
                return place
            }
            offset = place + 1
        }
        return nil
    }
}
