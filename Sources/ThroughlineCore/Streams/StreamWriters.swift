/// All that a stream's writers have done, as far as later writes depend on it.
struct StreamWriters: Sendable, Equatable {
    var producers = StreamProducers()
    /// The last value of `Stream-Seq`.
    var order: String?
    /// Bytes of all messages ever, where the stream's retention asks.
    var bytes: UInt64 = 0
}

/// ```
/// optional  Stream-Seq: text
/// list      producers, by their ids: text, number, number
/// number    bytes
/// ```
extension StreamWriters: StateCodable {
    /// About as many bytes as it takes, seldom less.
    var size: Int {
        producers.progress.keys.reduce(64 + (order?.utf8.count ?? 0)) { $0 + $1.utf8.count + 16 }
    }

    func write(to writer: inout StateWriter) {
        writer.optional(order)
        writer.list(producers.progress.sorted { $0.key < $1.key }) { writer, entry in
            ProducerStamp(id: entry.key, epoch: entry.value.epoch, sequence: entry.value.sequence).write(to: &writer)
        }
        writer.number(bytes)
    }

    init(from reader: inout StateReader) throws(StateError) { try self.init(from: &reader, hasBytes: true) }

    init(from reader: inout StateReader, hasBytes: Bool) throws(StateError) {
        order = try reader.optionalString()
        let stamps: [ProducerStamp] = try reader.list()
        for stamp in stamps { producers.note(stamp) }
        if hasBytes { bytes = try reader.number() }
    }
}
