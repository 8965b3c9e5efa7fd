import DequeModule
import ThroughlineCore

/// The newest events of a session, in memory, without a gap.
struct EventWindow {
    private var events: Deque<Delivery> = []
    private var bytes = 0
    /// The event before the first one held.
    private(set) var start: SequenceNumber

    init(after start: SequenceNumber) { self.start = start }

    mutating func append(_ records: [LogRecord]) {
        for record in records where record.kind == .event {
            events.append(Delivery(sequence: record.sequence, bytes: record.payload))
            bytes += record.payload.count
        }
    }

    /// Lets go of the oldest events that are durable, down to so many bytes.
    mutating func trim(to limit: Int, durable: SequenceNumber) {
        while bytes > limit, let first = events.first, first.sequence <= durable {
            events.removeFirst()
            bytes -= first.bytes.count
            start = first.sequence
        }
    }

    /// Lets go of the events up to a number.
    mutating func forget(upTo last: SequenceNumber) {
        while let first = events.first, first.sequence <= last {
            events.removeFirst()
            bytes -= first.bytes.count
            start = first.sequence
        }
    }

    /// The events after one number up to another, at most so many bytes but at least one; `nil` if the window starts later.
    func events(after: SequenceNumber, upTo end: SequenceNumber, bytes limit: Int) -> [Delivery]? {
        guard after >= start else { return nil }
        var taken: [Delivery] = []
        var size = 0
        var index = events.startIndex + Int(after.rawValue - start.rawValue)
        while index < events.endIndex, events[index].sequence <= end {
            size += events[index].bytes.count
            if size > limit, !taken.isEmpty { break }
            taken.append(events[index])
            index += 1
        }
        return taken
    }
}
