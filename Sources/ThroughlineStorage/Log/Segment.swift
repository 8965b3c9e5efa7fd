import Glibc
import ThroughlineCore

/// A file of the log, preallocated, and filled with zeros before its first use.
struct SegmentFile: Sendable {
    var id: UInt32
    var path: String
    var descriptor: Int32
    var capacity: Int
    /// Up to here it may hold what has moved already; behind are zeros.
    var stale = 0
}

/// A segment in use: a file with the log number it got when it was taken into use.
///
/// `@unchecked Sendable` is true because the variables are only touched under the lock of the ``StreamIndex``.
final class Segment: @unchecked Sendable {
    let file: SegmentFile
    let logNumber: UInt64
    /// End of the last commit, in bytes.
    var used = 0
    /// Number of the last commit.
    var lastCommit: UInt64 = 0
    /// Records in it that have not moved.
    var records = 0
    /// End of all that was ever written to it under this log number, whole or not.
    var written = 0
    /// Reads under way: the file is not used again before they are done.
    var readers = 0
    /// Whether it is from before the store was opened: what was erased then, and is still in it, is not known.
    let isReplayed: Bool

    init(file: SegmentFile, logNumber: UInt64, isReplayed: Bool = false) {
        self.file = file
        self.logNumber = logNumber
        self.isReplayed = isReplayed
    }

    /// The file when nobody needs what is in it any more.
    var usedFile: SegmentFile {
        var file = file
        file.stale = isReplayed ? file.capacity : min(max(file.stale, written), file.capacity)
        return file
    }
}

/// Where the entry of one append is.
struct Stretch: Sendable {
    /// The stream's tail before and after the append.
    var before: UInt64
    var last: UInt64
    var logNumber: UInt64
    var offset: UInt32
    var length: UInt32
    /// Bytes of payloads and notes in it.
    var payloadBytes: UInt32
}

extension Stretch {
    /// Where in the file the entry ends.
    var end: Int { Int(offset) + Int(length) }
}

extension ArraySlice<Stretch> {
    /// The first ones, as far as one read of the file gets them all without much that is between them.
    var prefixInOnePiece: ArraySlice<Stretch> {
        guard let first else { return self }
        var end = first.end
        let others = dropFirst().prefix { next in
            let isNear =
                next.logNumber == first.logNumber && (0...4_096).contains(Int(next.offset) - end)
                && next.end - Int(first.offset) <= 1 << 20
            if isNear { end = next.end }
            return isNear
        }
        return self[startIndex..<others.endIndex]
    }
}
