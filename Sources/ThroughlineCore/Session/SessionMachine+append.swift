extension SessionMachine {
    /// Where a holder's run stands, so that it need not be found by its name again. Valid for as long as the machine lives.
    public struct Holder: Sendable {
        let run: Int
        let epoch: UInt64
        public let id: RunID
        public let leaseMilliseconds: Int64
        /// What the notes of its writes begin with.
        let note: [UInt8]
    }

    /// Finds the run of a lease. `nil` where the general way has something to say.
    public func holder(ofActive id: RunID, token: String) -> Holder? {
        guard let index = runs.index(of: id), runs[index].state == .active,
            ConstantTime.equal(runs[index].token, token)
        else { return nil }
        return Holder(
            run: index, epoch: runs[index].epoch, id: id, leaseMilliseconds: runs[index].leaseMilliseconds,
            note: WriteNote.head(run: id))
    }

    /// Whether commands wait for the agent.
    public func hasPendingCommands(_ holder: Holder) -> Bool { !runs[holder.run].pending.isEmpty }

    /// The part that a holder appended to last.
    public struct PartCursor: Sendable {
        var place: PartPlace?
        /// Its id, and what its events have between their time and their offset.
        var name: [UInt8] = []
        var middle: [UInt8] = []

        public init() {}
    }

    /// Takes a write that appends at the end of one open part: the straight line through
    /// ``write(_:run:token:number:frame:at:)``, with the same result.
    ///
    /// False, with nothing done, where anything is not as usual; that method then says what.
    public mutating func append(
        _ frame: AppendFrame, in bytes: UnsafeBufferPointer<UInt8>, by holder: Holder, cursor: inout PartCursor,
        at: Timestamp
    ) -> Bool {
        guard at.rawValue >= 0, baton == nil, runs[holder.run].state == .active, runs[holder.run].epoch == holder.epoch,
            frame.number == runs[holder.run].written + 1, frame.appends.count <= limits.eventsPerWrite,
            let place = place(of: frame.part, in: bytes, run: holder.id, cursor: &cursor),
            isAtEnd(frame, of: place)
        else { return false }
        let at = max(at, lastAt)
        for append in frame.appends { take(append, in: bytes, at: place, cursor.middle, at: at) }
        runs[holder.run].written = frame.number
        attachToLastEmitted(WriteNote.encode(holder.note, number: frame.number))
        return true
    }

    private func place(
        of name: Range<Int>, in bytes: UnsafeBufferPointer<UInt8>, run: RunID, cursor: inout PartCursor
    ) -> PartPlace? {
        let name = UnsafeBufferPointer(rebasing: bytes[name])
        if let place = cursor.place, cursor.isAt(name) {
            return messages[place.message].parts[place.part].status == .streaming ? place : nil
        }
        guard let id = PartID(String(decoding: name, as: UTF8.self)), let place = parts[id],
            messages[place.message].run == run, messages[place.message].parts[place.part].status == .streaming
        else { return nil }
        cursor = PartCursor(at: place, name: Array(name), middle: AppendedEvent.middle(run: run, part: id))
        return place
    }

    /// Whether each append begins where the one before ends, and all fit.
    private func isAtEnd(_ frame: AppendFrame, of place: PartPlace) -> Bool {
        var length = messages[place.message].parts[place.part].text.count
        for append in frame.appends {
            guard append.offset == length, append.text.count <= limits.appendText else { return false }
            // The bytes that an escape stands for are known only when it is decoded.
            if append.isEscaped, frame.appends.count > 1 { return false }
            length += append.text.count
        }
        return length <= limits.partText
    }

    private mutating func take(
        _ append: AppendFrame.Append, in bytes: UnsafeBufferPointer<UInt8>, at place: PartPlace, _ middle: [UInt8],
        at: Timestamp
    ) {
        let inside = UnsafeBufferPointer(rebasing: bytes[append.text])
        let head = AppendedEvent.Head(sequence: tail.next, at: at, offset: append.offset, middle: middle)
        let payload: [UInt8]
        if append.isEscaped {
            var text: [UInt8] = []
            JSONEscape.decode(inside, into: &text)
            messages[place.message].parts[place.part].text.append(contentsOf: text)
            payload = AppendedEvent.encode(head, text: text)
        } else {
            messages[place.message].parts[place.part].text.append(contentsOf: inside)
            payload = AppendedEvent.encode(head, plain: inside)
        }
        emitAppended(payload, at: at)
    }
}

extension SessionMachine.PartCursor {
    fileprivate init(at place: SessionMachine.PartPlace, name: [UInt8], middle: [UInt8]) {
        self.place = place
        self.name = name
        self.middle = middle
    }

    fileprivate func isAt(_ other: UnsafeBufferPointer<UInt8>) -> Bool {
        name.count == other.count && name.withUnsafeBufferPointer { $0.elementsEqual(other) }
    }
}
