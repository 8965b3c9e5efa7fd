/// Makes a session that begins as another one was after one of its events.
///
/// The new history is the old one, event by event, with the text of each part between two other events in fewer appends. Whatever is
/// open at its end is closed: nobody works on the copy. What the server keeps beside events (leases, numbers of writes) stays behind.
public struct SessionFork: Sendable {
    public struct Request: Sendable {
        public var id: SessionID
        /// `nil`: that of the original.
        public var title: String?
        public var origin: SessionInfo.Origin

        public init(id: SessionID, title: String?, origin: SessionInfo.Origin) {
            self.id = id
            self.title = title
            self.origin = origin
        }
    }

    private let request: Request
    private let limits: SessionLimits
    private var machine: SessionMachine?
    private var held: [Appended] = []

    /// Text of a part on its way into one append.
    private struct Appended: Sendable {
        var part: PartID
        var run: RunID?
        var offset: Int
        var text: [UInt8]
        var at: Timestamp
    }

    public init(_ request: Request, limits: SessionLimits) {
        self.request = request
        self.limits = limits
    }

    /// About how much was taken so far.
    public private(set) var bytes = 0

    /// Takes the next event of the original. False where it cannot be read.
    public mutating func take(_ payload: [UInt8]) -> Bool {
        guard let event = Event(stored: payload) else { return false }
        if case .partAppended(let part, let run, let offset, let text) = event.body {
            hold(Appended(part: part, run: run, offset: offset, text: text, at: event.at))
            return machine != nil
        }
        release()
        bytes += payload.count
        switch event.body {
        case .sessionCreated(let info):
            guard machine == nil else { return false }
            machine = SessionMachine(
                creating: adapted(info), by: event.by ?? .server, at: event.at, limits: limits)
        case .sessionUpdated(let info), .sessionClosed(let info):
            emit(.sessionUpdated(adapted(info)), event)
        default:
            emit(event.body, event)
        }
        return machine != nil
    }

    /// The new session, its history still to be drained.
    public mutating func finish(by participant: Participant, at: Timestamp) -> SessionMachine? {
        release()
        guard var machine else { return nil }
        machine.closeCopy(at: at)
        if let title = request.title {
            machine.update(title: title, metadata: nil, closing: false, by: participant, at: at)
        }
        return machine
    }

    /// The copy is open, whatever the original is.
    private func adapted(_ info: SessionInfo) -> SessionInfo {
        var info = info
        info.id = request.id
        info.state = .open
        info.forkedFrom = request.origin
        return info
    }

    private mutating func hold(_ append: Appended) {
        bytes += append.text.count + 16
        let place = held.lastIndex { $0.part == append.part && $0.text.count < limits.appendText }
        guard let place else { return held.append(append) }
        held[place].text.append(contentsOf: append.text)
        held[place].at = append.at
    }

    private mutating func release() {
        for append in held {
            bytes += 160
            machine?.emit(
                .partAppended(id: append.part, run: append.run, offset: append.offset, text: append.text), by: nil,
                at: append.at)
        }
        held = []
    }

    private mutating func emit(_ body: EventBody, _ event: Event) { machine?.emit(body, by: event.by, at: event.at) }
}

extension SessionMachine {
    /// Ends what is open in a copy: nobody holds its runs, and its queued inputs are answered in the original.
    fileprivate mutating func closeCopy(at: Timestamp) {
        batonIsDue(at: at)
        // First the orders to runs, so that none becomes an input when its run ends.
        for command in commands.items where !command.state.isFinal {
            if command.state == .requested {
                emit(.commandRejected(.init(id: command.id, reason: "forked")), by: .server, at: at)
            } else if command.verb == .cancel, command.awaitedInput.map({ inputs[$0] != nil }) ?? true {
                emit(.commandApplied(.init(id: command.id)), by: .server, at: at)
            } else {
                expire(command.id, reason: "forked", becomesInput: false, at: at)
            }
        }
        let error = RunError(code: "forked", message: "The session was forked while this run went on.")
        for id in activeRuns {
            // One that only waited for those below it has ended with them.
            if let run = runs[id], !run.state.isOver { finish(run, as: .failed, error: error, by: .server, at: at) }
        }
        for input in queuedInputs {
            emit(.inputWithdrawn(id: input, command: nil, reason: "forked"), by: .server, at: at)
        }
        for message in messages.items where message.status == .streaming {
            finish(message.id, as: .interrupted, by: .server, at: at)
        }
    }
}
