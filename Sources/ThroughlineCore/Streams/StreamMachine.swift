/// What a durable stream does with writes: a pure value, the same after the same records.
public struct StreamMachine: Sendable {
    /// How many messages are its own. A fork's own ones stand behind those that it has from its source.
    public internal(set) var count: UInt64
    public internal(set) var summary: StreamSummary
    var writers = StreamWriters()

    /// A stream without messages.
    public init(_ summary: StreamSummary) {
        self.summary = summary
        count = 0
    }

    /// The stream's end, as its readers count.
    public var tail: StreamOffset { StreamOffset(base + count) }
    var base: UInt64 { summary.fork?.base ?? 0 }
}

/// A write, as a request asks for it.
public struct StreamWrite: Sendable {
    /// Empty: it only closes.
    public var messages: [[UInt8]]
    public var contentType: String?
    public var producer: ProducerStamp?
    public var order: String?
    public var isClosing: Bool
    /// The offset that has to be the stream's tail.
    public var expected: StreamOffset?

    public init(
        messages: [[UInt8]], contentType: String? = nil, producer: ProducerStamp? = nil, order: String? = nil,
        isClosing: Bool = false, expected: StreamOffset? = nil
    ) {
        self.messages = messages
        self.contentType = contentType
        self.producer = producer
        self.order = order
        self.isClosing = isClosing
        self.expected = expected
    }
}

/// What became of a write.
public enum StreamVerdict: Sendable, Equatable {
    /// Taken: it is durable when its records are.
    case taken
    /// It was taken before. `sequence` is the producer's last, if it is one.
    case duplicate(sequence: UInt64?)
    case closed
    case otherType
    /// `Stream-Seq` did not go up.
    case orderRegressed
    case producerStale(epoch: UInt64)
    case producerGap(expected: UInt64)
    case producerLateStart
    case producersTooMany
    /// `If-Match` named another offset than the tail.
    case tailElsewhere
}

extension StreamMachine {
    /// Decides a write. What it adds is appended to `records`, none where nothing is taken.
    public mutating func write(
        _ write: StreamWrite, at now: Timestamp, into records: inout [LogRecord]
    ) -> StreamVerdict {
        if let verdict = refusal(of: write) { return verdict }
        let note = StreamNote(producer: write.producer, order: write.order, isClosing: write.isClosing)
        records.reserveCapacity(max(1, write.messages.count))
        let bytes = note.encoded
        for (index, message) in write.messages.enumerated() {
            count += 1
            records.append(
                LogRecord(
                    kind: .event, sequence: SequenceNumber(count), at: now, payload: message,
                    note: index == write.messages.count - 1 ? bytes : []))
        }
        if write.messages.isEmpty {
            records.append(
                LogRecord(kind: .note, sequence: SequenceNumber(count), at: now, payload: [], note: bytes))
        }
        apply(note)
        if summary.settings.retention != nil { writers.bytes &+= write.messages.reduce(0) { $0 + UInt64($1.count) } }
        return .taken
    }

    private func refusal(of write: StreamWrite) -> StreamVerdict? {
        if let closing = summary.closing {
            if let stamp = write.producer, stamp == closing.producer {
                return .duplicate(sequence: stamp.sequence)
            }
            if write.isClosing, write.messages.isEmpty, write.producer == nil { return .duplicate(sequence: nil) }
            return .closed
        }
        if !write.messages.isEmpty, let type = write.contentType,
            !MediaType.isSame(type, summary.settings.contentType)
        {
            return .otherType
        }
        if let stamp = write.producer {
            switch writers.producers.judge(stamp) {
            case .next: break
            case .duplicate(let sequence): return .duplicate(sequence: sequence)
            case .stale(let epoch): return .producerStale(epoch: epoch)
            case .gap(let expected): return .producerGap(expected: expected)
            case .lateStart: return .producerLateStart
            case .tooMany: return .producersTooMany
            }
        }
        if let expected = write.expected, expected != tail { return .tailElsewhere }
        if let new = write.order, let order = writers.order, !order.utf8.lexicographicallyPrecedes(new.utf8) {
            return .orderRegressed
        }
        return nil
    }

    private mutating func apply(_ note: StreamNote) {
        if let writers = note.writers { self.writers = writers }
        if let producer = note.producer { writers.producers.note(producer) }
        if let order = note.order { writers.order = order }
        if note.isClosing { summary.closing = StreamClosing(producer: note.producer) }
    }

    /// Takes in stored records that follow. False when they are none of this stream's.
    public mutating func replay(_ records: [LogRecord]) -> Bool {
        for record in records {
            if record.kind == .event {
                guard record.sequence.rawValue == count + 1 else { return false }
                count += 1
                if summary.settings.retention != nil { writers.bytes &+= UInt64(record.payload.count) }
            }
            do throws(StateError) {
                apply(try StreamNote(stored: record.note))
            } catch { return false }
        }
        return true
    }
}
