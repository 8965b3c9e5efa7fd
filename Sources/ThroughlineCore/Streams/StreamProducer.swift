/// What a producer says with a request, so that a retry of it is recognised: who it is, its how manieth life this is, and the
/// how manieth request of that life.
public struct ProducerStamp: Hashable, Sendable {
    public var id: String
    public var epoch: UInt64
    public var sequence: UInt64

    /// The largest number that JavaScript counts exactly: 2^53 - 1.
    public static let maximumNumber: UInt64 = 1 << 53 - 1
    public static let maximumIDBytes = 256

    public init(id: String, epoch: UInt64, sequence: UInt64) {
        self.id = id
        self.epoch = epoch
        self.sequence = sequence
    }
}

/// What a stream remembers of its producers.
struct StreamProducers: Sendable, Equatable {
    struct Progress: Sendable, Equatable {
        var epoch: UInt64
        var sequence: UInt64
    }

    enum Verdict: Equatable {
        case next
        /// It was taken before; `sequence` is the last that was.
        case duplicate(sequence: UInt64)
        case stale(epoch: UInt64)
        case gap(expected: UInt64)
        /// A new epoch that does not begin at 0.
        case lateStart
        case tooMany
    }

    private(set) var progress: [String: Progress] = [:]

    /// More than this many are refused: 10,000.
    static let maximum = 10_000

    func judge(_ stamp: ProducerStamp) -> Verdict {
        guard let known = progress[stamp.id] else {
            if stamp.sequence > 0 { return .gap(expected: 0) }
            return progress.count < Self.maximum ? .next : .tooMany
        }
        if stamp.epoch < known.epoch { return .stale(epoch: known.epoch) }
        if stamp.epoch > known.epoch { return stamp.sequence == 0 ? .next : .lateStart }
        if stamp.sequence <= known.sequence { return .duplicate(sequence: known.sequence) }
        return stamp.sequence == known.sequence + 1 ? .next : .gap(expected: known.sequence + 1)
    }

    mutating func note(_ stamp: ProducerStamp) {
        progress[stamp.id] = Progress(epoch: stamp.epoch, sequence: stamp.sequence)
    }
}
