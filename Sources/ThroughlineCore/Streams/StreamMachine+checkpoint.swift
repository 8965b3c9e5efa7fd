/// A checkpoint of a durable stream: what its writers have done so far, so that the next write need not read all of it.
extension StreamMachine {
    private static let checkpointVersion: UInt64 = 2
    /// Without the bytes, which nobody counted.
    private static let firstCheckpointVersion: UInt64 = 1

    public var checkpoint: Checkpoint {
        var writer = StateWriter(capacity: writers.size)
        writer.number(Self.checkpointVersion)
        writers.write(to: &writer)
        return Checkpoint(sequence: SequenceNumber(count), bytes: writer.bytes)
    }

    /// The stream as a checkpoint tells it; `nil` where the bytes are none of a version that is known, or are from before something
    /// that has been let go.
    public init?(_ checkpoint: Checkpoint, of summary: StreamSummary) {
        self.init(summary)
        count = checkpoint.sequence.rawValue
        if let trim = summary.trim, count < trim.anchor { return nil }
        var reader = StateReader(checkpoint.bytes)
        do throws(StateError) {
            switch try reader.number() {
            case Self.checkpointVersion: writers = try StreamWriters(from: &reader)
            case Self.firstCheckpointVersion: writers = try StreamWriters(from: &reader, hasBytes: false)
            default: return nil
            }
        } catch { return nil }
        if !reader.isAtEnd { return nil }
    }
}
