import Logging

/// A commit whose header alone is damaged loses nothing: its entries say for themselves that they are whole.
extension LogRecovery {
    /// The header of the next commit of a segment, put together again when it is damaged and there is a later commit.
    func rebuildHeader(
        _ reader: inout SegmentReader, _ segment: Segment, _ nextFirst: UInt64?
    ) throws -> CommitHeader? {
        let offset = segment.used
        guard
            try reader.bytes(at: offset, count: CommitHeader.size).prefix(CommitHeader.size).contains(where: { $0 != 0 }
            )
        else { return nil }
        if let place = try laterCommit(&reader, segment, from: offset) {
            return try rebuildHeader(&reader, at: offset, before: place)
        }
        guard nextFirst == expected + 1, offset > 0 else { return nil }
        return try rebuildHeader(&reader, at: offset, before: nil)
    }

    /// Puts a header together from whole entries, which end where the next commit starts, and writes it where it belongs.
    func rebuildHeader(_ reader: inout SegmentReader, at offset: Int, before end: Int?) throws -> CommitHeader? {
        guard let other = try reader.header(at: end ?? 0, storeTag: folder.tag) else { return nil }
        let number = end == nil ? expected : other.commitNumber - 1
        let length = (end ?? reader.file.capacity) - offset
        let bytes = try reader.bytes(at: offset, count: length)
        let rebuilt = CommitHeader.rebuilt(
            bytes.part(0..<min(length, bytes.count)), at: 0, end: end.map { $0 - offset }, like: other, number: number)
        guard let header = rebuilt, offset == 0 || number == expected else { return nil }
        logger.error(
            "the head of a commit was damaged and is written again",
            metadata: ["place": "\(reader.file.path) at \(offset)"])
        let head = ByteBlock(capacity: CommitHeader.size)
        header.encode(into: head.extend(by: CommitHeader.size))
        try files.write(reader.file.descriptor, head.bytes, offset)
        try files.synchronize(reader.file.descriptor)
        reader = SegmentReader(reader.file, files)
        return header
    }
}
