/// How far somebody has read, on one device.
public struct ReadMark: Hashable, Sendable {
    public var by: Participant
    public var sequence: SequenceNumber
    public var at: Timestamp

    fileprivate func isOf(_ participant: Participant) -> Bool {
        by.id == participant.id && by.role == participant.role && by.device == participant.device
    }
}

extension SessionMachine {
    /// Marks everything up to an event as seen. A mark never goes back, and never past the last event.
    ///
    /// It takes no number: nobody's sequence grows by being read.
    ///
    /// - Returns: The mark as it is now.
    public mutating func markRead(
        upTo sequence: SequenceNumber, by participant: Participant, at: Timestamp
    ) -> SequenceNumber {
        let known = readMark(of: participant) ?? .zero
        let mark = min(sequence, tail)
        guard mark > known else { return known }
        let by = Participant(id: participant.id, role: participant.role, device: participant.device)
        emit(note: Note(read: ReadMark(by: by, sequence: mark, at: max(at, lastAt))), at: at)
        return mark
    }

    public func readMark(of participant: Participant) -> SequenceNumber? {
        readMarks.last { $0.isOf(participant) }?.sequence
    }

    mutating func apply(_ mark: ReadMark) {
        readMarks.removeAll { $0.isOf(mark.by) }
        readMarks.append(mark)
        if readMarks.count > limits.readMarks { readMarks.removeFirst() }
    }
}

extension ReadMark {
    func write(to writer: inout JSONWriter) {
        writer.object {
            $0.key("by")
            by.write(to: &$0)
            $0.field("seq", sequence.rawValue)
            $0.field("at", at.rawValue)
        }
    }

    init?(stored value: JSONValue?) {
        guard let by = Participant(stored: value?["by"]), let at = value?["at"]?.integer,
            let sequence = value?["seq"]?.integer.flatMap(UInt64.init(exactly:))
        else { return nil }
        self.init(by: by, sequence: SequenceNumber(sequence), at: Timestamp(milliseconds: at))
    }
}

extension ReadMark: StateCodable {
    func write(to writer: inout StateWriter) {
        by.write(to: &writer)
        writer.number(sequence.rawValue)
        writer.time(at)
    }

    init(from reader: inout StateReader) throws(StateError) {
        self.init(by: try Participant(from: &reader), sequence: try reader.sequence(), at: try reader.time())
    }
}
