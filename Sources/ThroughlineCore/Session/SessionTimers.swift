/// What a session does by itself when its time has come.
enum SessionTimer: Hashable, Sendable {
    /// A command that nobody has carried out expires.
    case command(CommandID)
    /// A request that nobody answered expires.
    case request(AgentRequestID)
    /// The baton goes back, since its holder says nothing.
    case baton
    /// The seconds that a run may take are over.
    case budget(RunID)
    /// Nobody has watched a run for as long as it may go on so.
    case orphan(RunID)
}

/// What a session has to do by itself, and when. Events set and clear it, so that it is the same after every replay.
struct SessionTimers: Sendable {
    private var times: [SessionTimer: Timestamp] = [:]
    /// The first of all times.
    private(set) var next: Timestamp?

    var isEmpty: Bool { times.isEmpty }

    mutating func set(_ timer: SessionTimer, at time: Timestamp) {
        times[timer] = time
        next = times.values.min()
    }

    func isSet(_ timer: SessionTimer) -> Bool { times[timer] != nil }

    mutating func clear(_ timer: SessionTimer) {
        guard times.removeValue(forKey: timer) != nil else { return }
        next = times.values.min()
    }

    mutating func take(_ name: String) -> SessionTimer? {
        guard let timer = times.keys.first(where: { $0.name == name }) else { return nil }
        clear(timer)
        return timer
    }

    /// The timers whose time has come, the earliest first. Those of one millisecond come in the order of their names: it must
    /// not depend on chance.
    mutating func takeDue(_ now: Timestamp) -> [SessionTimer] {
        guard let next, next <= now else { return [] }
        let due = times.filter { $0.value <= now }
        times = times.filter { $0.value > now }
        self.next = times.values.min()
        return due.sorted { ($0.value.rawValue, $0.key.name) < ($1.value.rawValue, $1.key.name) }.map(\.key)
    }
}

extension SessionTimer {
    fileprivate var name: String {
        switch self {
        case .command(let id): "command \(id.value)"
        case .request(let id): "request \(id.value)"
        case .baton: "baton"
        case .budget(let id): "budget \(id.value)"
        case .orphan(let id): "orphan \(id.value)"
        }
    }
}

extension SessionMachine {
    /// When something of this session is due by itself, by the wall clock; `nil` where nothing ever is.
    public var nextWakeUp: Timestamp? { timers.next }

    /// Does what is due.
    ///
    /// - Returns: The requests that have come to their end by it.
    @discardableResult
    public mutating func wake(at: Timestamp) -> [AgentRequestID] {
        var expired: [AgentRequestID] = []
        for timer in timers.takeDue(at) {
            if case .request(let id) = timer { expired.append(id) }
            isDue(timer, at: at)
        }
        return expired
    }

    private mutating func isDue(_ timer: SessionTimer, at: Timestamp) {
        switch timer {
        case .command(let id): commandIsDue(id, at: at)
        case .request(let id): expire(id, at: at)
        case .baton: batonIsDue(at: at)
        case .budget(let id): budgetIsDue(of: id, at: at)
        case .orphan(let id): orphanIsDue(id, at: at)
        }
    }

    /// Does what is due at some time, by its name, and lets all else wait: for a check that takes time in every order.
    package mutating func letBeDue(_ name: String, at: Timestamp) {
        if let timer = timers.take(name) { isDue(timer, at: at) }
    }
}

extension SessionTimers: StateCodable {
    func write(to writer: inout StateWriter) {
        writer.list(times.sorted { $0.key.name < $1.key.name }) { writer, entry in
            switch entry.key {
            case .command(let id):
                writer.number(1)
                writer.text(id.value)
            case .request(let id):
                writer.number(3)
                writer.text(id.value)
            case .baton:
                writer.number(4)
            case .budget(let id):
                writer.number(5)
                writer.text(id.value)
            case .orphan(let id):
                writer.number(6)
                writer.text(id.value)
            }
            writer.time(entry.value)
        }
    }

    init(from reader: inout StateReader) throws(StateError) {
        let entries = try reader.list { (reader) throws(StateError) -> (SessionTimer, Timestamp) in
            let timer: SessionTimer =
                switch try reader.integer() {
                case 1: .command(try reader.id())
                case 3: .request(try reader.id())
                case 4: .baton
                case 5: .budget(try reader.id())
                case 6: .orphan(try reader.id())
                default: throw StateError()
                }
            return (timer, try reader.time())
        }
        for (timer, time) in entries { set(timer, at: time) }
    }
}
