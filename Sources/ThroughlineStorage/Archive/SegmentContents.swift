import ThroughlineCore

/// What a segment holds, sorted by stream: what the mover writes to SQLite.
struct SegmentContents {
    struct Piece {
        var before: UInt64
        var last: UInt64
        /// The packed records in the segment's bytes.
        var records: Range<Int>
    }

    struct Stream {
        var pieces: [Piece] = []
        var tail: UInt64 = 0
        var summary: Range<Int>?
        var isErased = false
        /// Where in the bytes the damaged entries are.
        var damaged: [Range<Int>] = []
    }

    var streams: [StreamID: Stream] = [:]
    /// The first place where not even the stream of an entry can be told.
    var unreadable: Int?

    /// Takes in one commit's entries. Those that are whole count even when another of the commit is not.
    mutating func add(_ bytes: UnsafeRawBufferPointer, at start: Int, _ header: CommitHeader) {
        LogEntry.forEach(in: bytes, at: start, header) { offset, decoded in
            switch decoded {
            case .intact(let entry): add(entry)
            case .damaged(let stream, let end): streams[stream, default: Stream()].damaged.append(offset..<end)
            case .unreadable: unreadable = unreadable ?? offset
            }
        }
    }

    private mutating func add(_ entry: LogEntry) {
        switch entry.kind {
        case .append: streams[entry.stream, default: Stream()].append(entry)
        case .erase: streams[entry.stream] = Stream(isErased: true)
        }
    }
}

extension SegmentContents.Stream {
    fileprivate mutating func append(_ entry: LogEntry) {
        pieces.append(.init(before: entry.expecting, last: entry.tail, records: entry.records))
        tail = entry.tail
        summary = entry.summary ?? summary
    }
}
