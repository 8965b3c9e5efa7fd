/// A checkpoint of a durable stream: what its writers have done so far, so that the next write need not read all of it.
extension StreamMachine {
    private static let checkpointVersion: UInt64 = 1

    public var checkpoint: Checkpoint {
        var writer = StateWriter(capacity: 64 + producers.progress.count * 32)
        writer.number(Self.checkpointVersion)
        writer.optional(order)
        writer.list(producers.progress.sorted { $0.key < $1.key }) { writer, entry in
            ProducerStamp(id: entry.key, epoch: entry.value.epoch, sequence: entry.value.sequence).write(to: &writer)
        }
        return Checkpoint(sequence: SequenceNumber(count), bytes: writer.bytes)
    }

    /// The stream as a checkpoint tells it; `nil` where the bytes are none of this version.
    public init?(_ checkpoint: Checkpoint, of summary: StreamSummary) {
        self.init(summary)
        count = checkpoint.sequence.rawValue
        var reader = StateReader(checkpoint.bytes)
        do throws(StateError) {
            guard try reader.number() == Self.checkpointVersion else { return nil }
            order = try reader.optionalString()
            let stamps: [ProducerStamp] = try reader.list()
            for stamp in stamps { producers.note(stamp) }
        } catch { return nil }
        if !reader.isAtEnd { return nil }
    }
}
