/// One session: everything that is known of it, and what may happen next.
///
/// Each operation checks, then emits events, and every event changes the state in ``apply(_:)``, which replaying uses too: so
/// the state after event N is a function of the events 1 to N and their notes, on any machine, after any restart.
/// What was emitted waits in the machine until the shell ``drain()``s it and makes it durable. An operation that throws has
/// emitted nothing, but for `command.applied` where its refusal told the holder of a cancelled run, and for a gateway's input
/// that was stopped before it came.
public struct SessionMachine: Sendable {
    public internal(set) var info: SessionInfo
    public internal(set) var created: Timestamp
    /// The last time that somebody sent something, or a run began or ended.
    public internal(set) var updated: Timestamp
    /// The number of the last event decided.
    public internal(set) var tail = SequenceNumber.zero
    public let limits: SessionLimits

    var lastAt: Timestamp
    var inputs = Table<InputTag, Input>()
    var runs = Table<RunTag, Run>()
    var messages = Table<MessageTag, Message>()
    var commands = Table<CommandTag, Command>()
    var requests = Table<AgentRequestTag, AgentRequest>()
    var parts: [PartID: PartPlace] = [:]
    /// What is not for everyone.
    public internal(set) var restricted = RestrictedPieces()
    var queuedInputs: [InputID] = []
    /// The cancels of inputs that have not come yet.
    var awaitedInputs: [InputID: [CommandID]] = [:]
    var branches: [Branch] = []
    /// Which branch an input with siblings is in.
    var branchOf: [InputID: Int] = [:]
    var activeRuns: [RunID] = []
    /// Those that wait to be taken on, oldest first.
    var queuedRuns: [RunID] = []
    var openRequests: [AgentRequestID] = []
    var participants: [String] = []
    var works: [(work: WorkID, run: RunID)] = []
    var timers = SessionTimers()
    /// The operator who answers now, if one does.
    public internal(set) var baton: Baton?
    /// What the session was told last of who watches.
    var viewing: Viewing
    /// How far everybody has read, who marked last at the end.
    var readMarks: [ReadMark] = []
    /// How many records without a number stand behind the last event.
    var notesAtTail = 0
    private var emitted: [LogRecord] = []
    private var summaryIsStale = false

    /// Where a part stands: the index of its message, and its own in there.
    struct PartPlace: Sendable {
        var message: Int
        var part: Int
    }

    /// What the shell has to make durable.
    public struct Emission: Sendable {
        public var records: [LogRecord]
        public var summary: [UInt8]?
    }

    /// A session that is new: its first event is emitted.
    public init(creating info: SessionInfo, by: Participant, at: Timestamp, limits: SessionLimits = SessionLimits()) {
        self.init(empty: info, at: at, limits: limits)
        emit(.sessionCreated(info), by: by, at: at)
    }

    /// A session as its records tell it. `nil` if they do not begin with `session.created` or one cannot be read.
    public init?(replaying records: [LogRecord], limits: SessionLimits = SessionLimits()) {
        guard let first = records.first.flatMap({ Event(stored: $0.payload) }),
            case .sessionCreated(let info) = first.body
        else { return nil }
        self.init(empty: info, at: first.at, limits: limits)
        guard replay(records) else { return nil }
    }

    /// Lets go of everything: the session is not this value any longer.
    public mutating func forgetAll() { self = SessionMachine(empty: info, at: updated, limits: limits) }

    init(empty info: SessionInfo, at: Timestamp, limits: SessionLimits) {
        self.info = info
        self.limits = limits
        created = at
        updated = at
        lastAt = at
        viewing = .alone(since: at)
    }

    /// Goes on replaying where the last records ended. False if one cannot be read or is out of order.
    public mutating func replay(_ records: [LogRecord]) -> Bool {
        for record in records {
            if record.kind == .event {
                guard record.sequence == tail.next, let event = Event(stored: record.payload) else { return false }
                apply(event)
            }
            if record.kind == .note { notesAtTail += 1 }
            if let note = Note(stored: record.note) { apply(note) }
        }
        return true
    }

    /// Takes what was emitted since the last call.
    public mutating func drain() -> Emission? {
        guard !emitted.isEmpty else { return nil }
        let emission = Emission(records: emitted, summary: summaryIsStale ? summary.encoded : nil)
        emitted = []
        summaryIsStale = false
        return emission
    }

    mutating func emit(_ body: EventBody, by: Participant?, at: Timestamp, note: Note? = nil) {
        let event = Event(sequence: tail.next, at: max(at, lastAt), by: by, body: body)
        emitted.append(
            LogRecord(
                kind: .event, sequence: event.sequence, at: event.at, payload: event.encoded,
                note: note?.encoded ?? []))
        apply(event)
        if let note { apply(note) }
    }

    /// An append that is encoded already and whose text the part holds already.
    mutating func emitAppended(_ payload: [UInt8], at: Timestamp) {
        tail = tail.next
        lastAt = at
        let record = LogRecord(kind: .event, sequence: tail, at: at, payload: payload)
        // An array that is made with its content costs a third less than one that grows.
        if emitted.isEmpty { emitted = [record] } else { emitted.append(record) }
    }

    /// Puts encoded bytes of a note whose meaning is applied already on the last record that waits.
    mutating func attachToLastEmitted(_ note: [UInt8]) { emitted[emitted.count - 1].note = note }

    /// A record that takes no number.
    mutating func emit(note: Note, at: Timestamp) {
        emitted.append(
            LogRecord(kind: .note, sequence: tail, at: max(at, lastAt), payload: [], note: note.encoded))
        notesAtTail += 1
        apply(note)
    }

    mutating func markSummaryStale() { summaryIsStale = true }

    /// How many records are waiting, and the way back to that state.
    var emittedCount: Int { emitted.count }

    mutating func forget(emittedFrom count: Int, tail: SequenceNumber, notesAtTail: Int, lastAt: Timestamp) {
        emitted.removeSubrange(count...)
        self.tail = tail
        self.notesAtTail = notesAtTail
        self.lastAt = lastAt
    }

    /// Puts a note on a record that is still waiting.
    mutating func attach(_ note: Note, toEmitted index: Int) {
        emitted[index].note = note.encoded
        apply(note)
    }
}

/// Items in order of creation, found by name.
struct Table<Tag, Item: Sendable>: Sendable {
    private(set) var items: [Item] = []
    private var places: [Identifier<Tag>: Int] = [:]

    var count: Int { items.count }

    func index(of id: Identifier<Tag>) -> Int? { places[id] }

    subscript(id: Identifier<Tag>) -> Item? { places[id].map { items[$0] } }

    subscript(index: Int) -> Item {
        get { items[index] }
        _modify { yield &items[index] }
    }

    init() {}

    /// Items in their order.
    init(_ items: [Item], id: (Item) -> Identifier<Tag>) {
        self.items = items
        places = Dictionary(items.enumerated().map { (id($1), $0) }) { _, last in last }
    }

    mutating func append(_ item: Item, id: Identifier<Tag>) {
        places[id] = items.count
        items.append(item)
    }

    mutating func removeLast(id: Identifier<Tag>) {
        places[id] = nil
        items.removeLast()
    }
}
