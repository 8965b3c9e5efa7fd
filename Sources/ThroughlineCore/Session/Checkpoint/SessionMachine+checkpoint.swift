/// The whole state of a session after one of its events, as bytes: so that a session is loaded without all that led to it.
///
/// It is derived, may be thrown away at any time, and says nothing that replaying does not. A change of what is in here, or of
/// what an event or a note does to it, takes a new ``version``: checkpoints of others are not read.
///
/// ```
/// 0  u32  magic "TLCP"
/// 4  u8   version
/// 5  u64  fingerprint of the event after which this is the state
/// 13      the state, see StateWriter
/// ```
///
/// A checksum is the store's work. The fingerprint ties the state to the history that it was made of: where a store was put
/// back to an older state and went on differently, the checkpoint does not fit and is not used.
extension SessionMachine {
    static let checkpointMagic: [UInt8] = Array("TLCP".utf8)
    static let checkpointVersion: UInt8 = 3
    private static let headerSize = 13

    /// The state as it is now, all that was emitted included.
    ///
    /// - Parameter event: The record of the last event.
    public func checkpoint(at event: LogRecord) -> [UInt8] {
        precondition(event.sequence == tail, "a checkpoint of \(tail) with the event \(event.sequence)")
        var writer = StateWriter(capacity: Self.headerSize + estimatedBytes)
        writer.raw(Self.checkpointMagic + [Self.checkpointVersion])
        writer.raw(withUnsafeBytes(of: Self.fingerprint(event).littleEndian, Array.init))
        write(to: &writer)
        return writer.bytes
    }

    /// The session as a checkpoint tells it; `nil` where the bytes are none of this version, or not of this event.
    public init?(checkpoint bytes: [UInt8], at event: LogRecord, limits: SessionLimits = SessionLimits()) {
        let fingerprint = withUnsafeBytes(of: Self.fingerprint(event).littleEndian, Array.init)
        guard bytes.starts(with: Self.checkpointMagic + [Self.checkpointVersion] + fingerprint) else { return nil }
        var reader = StateReader(bytes, from: Self.headerSize)
        do throws(StateError) {
            try self.init(from: &reader, limits: limits)
        } catch {
            return nil
        }
        guard reader.isAtEnd, tail == event.sequence, isConsistent else { return nil }
    }

    /// Takes in what follows a checkpoint: `records` begin with the event that it is of.
    ///
    /// Notes take no number, so some of those behind that event may be in the state and some not: they are counted.
    public mutating func catchUp(with records: ArraySlice<LogRecord>) -> Bool {
        guard let first = records.first, first.kind == .event, first.sequence == tail else { return false }
        let rest = records.dropFirst()
        let notes = rest.prefix { $0.kind == .note }.count
        guard notes >= notesAtTail else { return false }
        return replay(Array(rest.dropFirst(notesAtTail)))
    }

    /// FNV-1a (Fowler, Noll, Vo), 64 bits, of the number, the time and the payload.
    private static func fingerprint(_ event: LogRecord) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        let mix = { (byte: UInt8) in hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        withUnsafeBytes(of: event.sequence.rawValue.littleEndian) { $0.forEach(mix) }
        withUnsafeBytes(of: event.at.rawValue.littleEndian) { $0.forEach(mix) }
        event.payload.forEach(mix)
        return hash
    }
}

extension SessionMachine {
    private func write(to writer: inout StateWriter) {
        info.write(to: &writer)
        writer.time(created)
        writer.time(updated)
        writer.number(tail.rawValue)
        writer.number(notesAtTail)
        writer.time(lastAt)
        writer.list(inputs.items)
        writer.list(runs.items)
        writer.list(messages.items)
        writer.list(commands.items)
        writer.list(participants) { $0.text($1) }
        writer.list(works) {
            $0.text($1.work.value)
            $0.text($1.run.value)
        }
        timers.write(to: &writer)
        viewing.write(to: &writer)
        writer.list(branches)
        writer.list(requests.items)
        writer.list(readMarks)
        writer.optional(baton) { $1.write(to: &$0) }
        writer.list(queuedInputs) { $0.text($1.value) }
    }

    /// What can be told from the rest (indexes, queues) is not written.
    private init(from reader: inout StateReader, limits: SessionLimits) throws(StateError) {
        let info = try SessionInfo(from: &reader)
        self.init(empty: info, at: try reader.time(), limits: limits)
        updated = try reader.time()
        tail = try reader.sequence()
        notesAtTail = try reader.integer()
        lastAt = try reader.time()
        inputs = Table(try reader.list(), id: \.id)
        runs = Table(try reader.list(), id: \.id)
        messages = Table(try reader.list(), id: \.id)
        commands = Table(try reader.list(), id: \.id)
        participants = try reader.list { reader throws(StateError) in try reader.string() }
        works = try reader.list { reader throws(StateError) in (try reader.id(), try reader.id()) }
        timers = try SessionTimers(from: &reader)
        viewing = try Viewing(from: &reader)
        branches = try reader.list()
        for (index, branch) in branches.enumerated() { for id in branch.siblings { branchOf[id] = index } }
        requests = Table(try reader.list(), id: \.id)
        readMarks = try reader.list()
        baton = try reader.optional { reader throws(StateError) in try Baton(from: &reader) }
        openRequests = requests.items.filter { $0.state == .open }.map(\.id)
        queuedInputs = try reader.ids()
        activeRuns = runs.items.filter { !$0.state.isOver }.map(\.id)
        for command in commands.items where command.state == .accepted {
            if let run = command.run.flatMap({ runs.index(of: $0) }) { runs[run].pending.append(command.id) }
            if let input = command.awaitedInput, inputs[input] == nil {
                awaitedInputs[input, default: []].append(command.id)
            }
        }
        queuedRuns = runs.items.filter { $0.state == .queued }.map(\.id)
        for (message, item) in messages.items.enumerated() {
            restricted.set(item.audience, of: item.id)
            for (part, piece) in item.parts.enumerated() {
                parts[piece.id] = PartPlace(message: message, part: part)
                restricted.set(piece.head.audience, of: piece.id, in: item.id)
            }
        }
        // As after replaying: the next write brings a summary.
        markSummaryStale()
    }

    /// Whether everything that is named is there, which applying events relies on.
    private var isConsistent: Bool {
        notesAtTail >= 0
            && runs.items.allSatisfy { run in
                run.inputs.allSatisfy { inputs.index(of: $0) != nil }
                    && run.openMessages.allSatisfy { messages.index(of: $0) != nil }
                    && run.held.map { $0.id == run.id } ?? true
            }
            && messages.items.allSatisfy { $0.run.map { runs.index(of: $0) != nil } ?? true }
            && branches.allSatisfy { $0.siblings.contains($0.selected) }
            && inputs.items.enumerated().allSatisfy { place, input in
                // Never itself or a later one: what follows it comes to an end.
                input.previous.map { inputs.index(of: $0).map { $0 < place } ?? false } ?? true
            }
            && works.allSatisfy { runs.index(of: $0.run) != nil }
            && requests.items.allSatisfy { runs.index(of: $0.run) != nil }
            && queuedInputs.allSatisfy { inputs.index(of: $0) != nil }
            && commands.items.allSatisfy { $0.run.map { runs.index(of: $0) != nil } ?? true }
    }

    /// About how many bytes the state takes, so that the buffer need not grow much.
    public var estimatedBytes: Int {
        var size = 1024 + info.metadata.count + 256 * (inputs.count + runs.count + commands.count + messages.count)
        for input in inputs.items { for part in input.parts { size += part.text.count + 64 } }
        for message in messages.items { for part in message.parts { size += part.text.count + 64 } }
        return size
    }
}
