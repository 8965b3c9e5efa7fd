extension CommitHeader {
    /// The header of a commit whose own is damaged, when its entries are whole, one by one.
    ///
    /// - Parameters:
    ///   - end: Where the next commit starts, which these entries have to reach; `nil` when the end mark follows.
    ///   - other: A commit of the same segment.
    static func rebuilt(
        _ bytes: UnsafeRawBufferPointer, at offset: Int, end: Int?, like other: CommitHeader, number: UInt64
    ) -> CommitHeader? {
        let limited = bytes.part(0..<min(end ?? bytes.count, bytes.count))
        var (place, count) = (offset + size, 0)
        while place + LogEntry.headerSize <= limited.count,
            case .intact(let entry) = LogEntry.decode(limited, at: place)
        {
            place = entry.end
            count += 1
        }
        let next = offset + padded(place - offset)
        let isEnd = end.map { $0 == next } ?? limited.hasEndMark(behind: place)
        guard count > 0, isEnd else { return nil }
        return CommitHeader(
            entryCount: UInt32(count), storeTag: other.storeTag, logNumber: other.logNumber, commitNumber: number,
            segmentID: other.segmentID, length: UInt32(place - offset),
            bodyChecksum: Checksum.crc32c(bytes.part(offset + size..<place)))
    }
}

extension UnsafeRawBufferPointer {
    /// Whether a commit whose entries end here is followed by its zeros.
    func hasEndMark(behind end: Int) -> Bool {
        let start = Swift.min(end, count)
        return part(start..<Swift.min(CommitHeader.padded(end) + CommitHeader.endMark, count)).firstNonZero == nil
    }

    /// The place of the first byte that is not zero.
    var firstNonZero: Int? {
        var offset = 0
        while offset + 8 <= count {
            if get(UInt64.self, at: offset) != 0 { break }
            offset += 8
        }
        while offset < count {
            if self[offset] != 0 { return offset }
            offset += 1
        }
        return nil
    }
}
