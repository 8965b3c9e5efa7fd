/// What a request brought along with its messages, kept in the same record as the last of them: one flush of the disk makes
/// both durable, so a retry after a crash finds what it did.
///
/// ```
/// u8  version 1
/// u8  flags: 1 producer, 2 Stream-Seq, 4 closed, 8 writers
///     producer: text, number, number; Stream-Seq: text; writers: see StreamWriters
/// ```
struct StreamNote: Sendable, Equatable {
    var producer: ProducerStamp?
    /// The value of `Stream-Seq`.
    var order: String?
    var isClosing = false
    /// All that writers had done up to here, where the records before may be gone.
    var writers: StreamWriters?

    private static let version: UInt64 = 1

    /// Empty where there is nothing to note.
    var encoded: [UInt8] {
        if producer == nil, order == nil, !isClosing, writers == nil { return [] }
        var writer = StateWriter(capacity: 16 + (producer?.id.utf8.count ?? 0) + (order?.utf8.count ?? 0))
        writer.number(Self.version)
        let flags: UInt64 = (producer == nil ? 0 : 1) | (order == nil ? 0 : 2) | (isClosing ? 4 : 0)
        writer.number(flags | (writers == nil ? 0 : 8))
        if let producer { producer.write(to: &writer) }
        if let order { writer.text(order) }
        if let writers { writers.write(to: &writer) }
        return writer.bytes
    }

    init(
        producer: ProducerStamp? = nil, order: String? = nil, isClosing: Bool = false, writers: StreamWriters? = nil
    ) {
        self.producer = producer
        self.order = order
        self.isClosing = isClosing
        self.writers = writers
    }

    init(stored bytes: [UInt8]) throws(StateError) {
        if bytes.isEmpty { return }
        var reader = StateReader(bytes)
        guard try reader.number() == Self.version else { throw StateError() }
        let flags = try reader.number()
        if flags & 1 != 0 { producer = try ProducerStamp(from: &reader) }
        if flags & 2 != 0 { order = try reader.string() }
        isClosing = flags & 4 != 0
        if flags & 8 != 0 { writers = try StreamWriters(from: &reader) }
        guard flags < 16, reader.isAtEnd else { throw StateError() }
    }
}

extension ProducerStamp: StateCodable {
    func write(to writer: inout StateWriter) {
        writer.text(id)
        writer.number(epoch)
        writer.number(sequence)
    }

    init(from reader: inout StateReader) throws(StateError) {
        id = try reader.string()
        epoch = try reader.number()
        sequence = try reader.number()
    }
}
