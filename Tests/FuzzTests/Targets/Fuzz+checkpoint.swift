@testable import ThroughlineCore

extension FuzzTarget {
    /// The state of a session as a checkpoint keeps it: what is taken for one is laid out as the same again, and can be shown.
    static let checkpoint = FuzzTarget("checkpoint") { bytes in
        let event = LogRecord(kind: .event, sequence: SequenceNumber(5), at: Timestamp(milliseconds: 9), payload: [])
        guard SessionMachine(checkpoint: Array(bytes), at: event) == nil else {
            throw Violation(description: "bytes without the event's fingerprint are taken for its checkpoint")
        }
        guard let machine = SessionMachine(checkpoint: head(of: event) + Array(bytes), at: event) else { return }
        try require(machine.tail == event.sequence, "the state of another event")
        let again = machine.checkpoint(at: event)
        let read = SessionMachine(checkpoint: again, at: event)
        try require(read?.checkpoint(at: event) == again, "a state is read back as another")
        _ = machine.summary.encoded
        _ = try machine.snapshot()
    }

    /// What stands before the state in a checkpoint of an event.
    private static func head(of event: LogRecord) -> [UInt8] {
        let info = SessionInfo(id: SessionID(unchecked: "s"), title: "", metadata: Array("{}".utf8), state: .open)
        var machine = SessionMachine(empty: info, at: event.at, limits: SessionLimits())
        machine.tail = event.sequence
        return Array(machine.checkpoint(at: event).prefix(13))
    }
}
