/// Whether anybody watches, where the session's runs end when nobody does. Who watches is not in the log; that the last has gone is
/// a note, so that the time they have counts on over a restart.
enum Viewing: Hashable, Sendable {
    case watched
    case alone(since: Timestamp)
}

extension SessionMachine {
    /// Whether it matters to the session that somebody watches.
    public var mindsViewers: Bool { info.policies.orphan != .goOn }

    /// Somebody has come to watch, or the last who did has gone. It takes no number.
    public mutating func setWatched(_ isWatched: Bool, at: Timestamp) {
        guard mindsViewers, isWatched != self.isWatched else { return }
        emit(note: Note(viewing: isWatched ? .watched : .alone(since: max(at, lastAt))), at: at)
    }

    private var isWatched: Bool { viewing == .watched }

    mutating func apply(_ viewing: Viewing) {
        self.viewing = viewing
        switch viewing {
        case .watched: for run in activeRuns { timers.clear(.orphan(run)) }
        case .alone(let since): for run in activeRuns { setOrphanTimer(of: run, at: since) }
        }
        markSummaryStale()
    }

    /// From now on a run has the time that is left to one that nobody watches.
    mutating func setOrphanTimer(of run: RunID, at: Timestamp) {
        guard !isWatched, case .cancel(let milliseconds) = info.policies.orphan else { return }
        timers.set(.orphan(run), at: Timestamp(milliseconds: at.rawValue + milliseconds))
    }

    /// The session thinks otherwise of such runs now: their time begins anew.
    mutating func orphanPolicyChanged(at: Timestamp) {
        for run in activeRuns {
            timers.clear(.orphan(run))
            setOrphanTimer(of: run, at: at)
        }
    }

    /// Nobody has watched a run for too long: it is stopped like by a person, and with it those below.
    mutating func orphanIsDue(_ id: RunID, at: Timestamp) {
        guard let run = runs[id], !run.state.isOver, case .cancel(let milliseconds) = info.policies.orphan else {
            return
        }
        let root = rootOfOrphans(above: run)
        let command = unusedCommandID("orphan")
        let order = CommandOrder(verb: .cancel, target: .run(root))
        emit(.commandRequested(id: command, order: order, input: nil), by: .server, at: at)
        emit(.commandAccepted(.init(id: command)), by: .server, at: at)
        let error = RunError(code: "orphaned", message: "Nobody has watched for \(milliseconds) ms.")
        cancel(withDescendants([root]), command: command, error: error, by: .server, at: at)
    }

    /// The topmost run above this one whose time is over, too: one command stops all of them.
    private func rootOfOrphans(above run: Run) -> RunID {
        var root = run
        while let parent = root.parent.flatMap({ runs[$0] }), !parent.state.isOver, !timers.isSet(.orphan(parent.id)) {
            root = parent
        }
        return root.id
    }
}

extension Viewing {
    /// In a note: `true`, or since when nobody watches.
    func write(to writer: inout JSONWriter) {
        switch self {
        case .watched:
            writer.key("watched")
            writer.boolean(true)
        case .alone(let since): writer.field("watched", since.rawValue)
        }
    }

    init?(stored value: JSONValue?) {
        if value?.boolean == true {
            self = .watched
        } else if let since = value?.integer {
            self = .alone(since: Timestamp(milliseconds: since))
        } else {
            return nil
        }
    }
}

extension Viewing: StateCodable {
    func write(to writer: inout StateWriter) {
        if case .alone(let since) = self {
            writer.number(1)
            writer.time(since)
        } else {
            writer.number(0)
        }
    }

    init(from reader: inout StateReader) throws(StateError) {
        self = try reader.number() == 0 ? .watched : .alone(since: try reader.time())
    }
}
