import Glibc

/// SQLite's own write-ahead log (`archive.sqlite-wal`), read without SQLite, which silently ignores all that stands behind a
/// damaged frame.
///
/// Each frame has the checksum of everything up to it. It is judged here by the stored checksum of the frame before, so
/// that damage to one does not condemn those behind it.
struct WriteAheadFrames {
    static let headerSize = 32
    static let frameHeaderSize = 24

    /// The last frame of each page that counts: where its bytes begin in the file.
    private(set) var pages: [UInt32: Int] = [:]
    /// Pages in the database after the last commit that counts; zero without one.
    private(set) var pageCount: UInt32 = 0
    private(set) var pageSize = 0
    private var frames: [Frame] = []
    private var hasHeader = false

    private struct Frame {
        var page: UInt32
        var commitSize: UInt32
        /// Whether it is of this log, and has its checksum.
        var isGood: Bool
    }

    private let bytes: UnsafeRawBufferPointer
    private var isBig: Bool

    /// Reads a log; an empty one has nothing in it.
    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        let magic = bytes.count >= Self.headerSize ? bytes.big(UInt32.self, at: 0) : 0
        isBig = magic & 1 == 1
        guard bytes.count > Self.headerSize else { return }
        let size = Int(bytes.big(UInt32.self, at: 8))
        pageSize = [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536].contains(size) ? size : 4096
        let sums = checksum(bytes.part(0..<24), (0, 0))
        hasHeader =
            magic | 1 == 0x377f_0683 && sums == (bytes.big(UInt32.self, at: 24), bytes.big(UInt32.self, at: 28))
        let stride = Self.frameHeaderSize + pageSize
        let count = (bytes.count - Self.headerSize) / stride
        let salt = hasHeader || count == 0 ? bytes.big(UInt64.self, at: 16) : commonSalt(count, stride)
        for number in 0..<count { frames.append(frame(number, salt, stride)) }
        if !hasHeader, !frames.contains(where: \.isGood) {
            // One bit of the head says in which order the bytes were added up.
            isBig.toggle()
            frames = (0..<count).map { frame($0, salt, stride) }
        }
        use(frames.prefix(hasHeader ? firstBad : 0).lastIndex { $0.commitSize > 0 })
    }

    private var firstBad: Int { frames.firstIndex { !$0.isGood } ?? frames.count }
    private func offset(_ number: Int) -> Int { Self.headerSize + number * (Self.frameHeaderSize + pageSize) }

    /// Takes the good frames up to a commit.
    private mutating func use(_ commit: Int?) {
        pages = [:]
        pageCount = commit.map { frames[$0].commitSize } ?? 0
        for number in 0..<(commit.map { $0 + 1 } ?? 0) where frames[number].isGood {
            pages[frames[number].page] = offset(number) + Self.frameHeaderSize
        }
    }

    /// Where a frame is, and of which page, that is damaged: it was flushed, and is not whole. Everything else that is not
    /// whole may have been on its way when the power went, and SQLite drops it.
    ///
    /// - Parameter position: The page that changes with every transaction that is flushed. A frame behind such a
    ///   transaction was written after the flush.
    func damaged(position: UInt32) -> [(offset: Int, page: UInt32?)] {
        guard let last = frames.lastIndex(where: \.isGood) else { return [] }
        var (flushed, hasPosition) = (-1, false)
        for (number, frame) in frames[..<last].enumerated() where frame.isGood {
            if frame.page == position { hasPosition = true }
            if frame.commitSize > 0 {
                if hasPosition { flushed = number }
                hasPosition = false
            }
        }
        let bad = (0..<flushed + 1).filter { !frames[$0].isGood }.map { (offset($0), UInt32?.some(frames[$0].page)) }
        // The head is written at once and flushed before the first frame.
        return hasHeader ? bad : [(0, nil)] + bad
    }

    /// From now on every good frame counts: for those who want to save what there is.
    mutating func useAll() {
        let last = frames.lastIndex { $0.isGood && $0.commitSize > 0 }
        use(last)
        // A page whose latest frame is damaged is an older one everywhere else: better none.
        for number in 0..<(last.map { $0 + 1 } ?? 0) where !frames[number].isGood {
            if let kept = pages[frames[number].page], kept < offset(number) { pages[frames[number].page] = nil }
        }
    }

    /// Where a transaction begins that is not whole and was not flushed, as far as can be told.
    var tornAt: Int? {
        guard firstBad < frames.count else { return nil }
        let next = (frames[..<firstBad].lastIndex { $0.commitSize > 0 } ?? -1) + 1
        return next < firstBad || frames[firstBad...].contains { $0.isGood } ? offset(next) : nil
    }

    private func frame(_ number: Int, _ salt: UInt64, _ stride: Int) -> Frame {
        let offset = offset(number)
        let before = number == 0 ? 24 : offset - stride + 16
        var sums = (bytes.big(UInt32.self, at: before), bytes.big(UInt32.self, at: before + 4))
        sums = checksum(bytes.part(offset..<offset + 8), sums)
        sums = checksum(bytes.part(offset + Self.frameHeaderSize..<offset + stride), sums)
        let stored = (bytes.big(UInt32.self, at: offset + 16), bytes.big(UInt32.self, at: offset + 20))
        return Frame(
            page: bytes.big(UInt32.self, at: offset), commitSize: bytes.big(UInt32.self, at: offset + 4),
            isGood: bytes.big(UInt64.self, at: offset + 8) == salt && sums == stored)
    }

    /// The salt of the first frames, where the header's cannot be trusted.
    private func commonSalt(_ count: Int, _ stride: Int) -> UInt64 {
        let salts = (0..<min(count, 3)).map { bytes.big(UInt64.self, at: Self.headerSize + $0 * stride + 8) }
        return salts.first { one in salts.count { $0 == one } > 1 } ?? salts[0]
    }

    /// SQLite's checksum of its log, going on from the one before.
    private func checksum(_ part: UnsafeRawBufferPointer, _ before: (UInt32, UInt32)) -> (UInt32, UInt32) {
        var (one, two) = before
        var offset = 0
        while offset + 8 <= part.count {
            let first = part.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
            let second = part.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
            one = one &+ (isBig ? first.bigEndian : first.littleEndian) &+ two
            two = two &+ (isBig ? second.bigEndian : second.littleEndian) &+ one
            offset += 8
        }
        return (one, two)
    }
}
