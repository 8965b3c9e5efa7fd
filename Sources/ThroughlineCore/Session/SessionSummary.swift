/// What listings and a starting server need to know of a session, so that none has to be loaded to be watched.
public struct SessionSummary: Sendable {
    public var info: SessionInfo
    public var created: Timestamp
    public var updated: Timestamp
    public var activeRuns: Int
    /// The cancelled runs whose holders have not been told yet.
    public var untoldRuns: Int
    /// The runs that wait to be taken on.
    public var queuedRuns: Int
    public var queuedInputs: Int
    /// The queues with an input to hand out, and since when it waits.
    public var claimable: [(agent: AgentName?, since: Timestamp)]
    public var participants: [String]
    /// The work ids that are remembered, with their runs.
    public var works: [(work: WorkID, run: RunID)]
    /// When the session has something to do by itself.
    public var wakeUp: Timestamp?

    var encoded: [UInt8] {
        JSONWriter.object {
            $0.key("session")
            $0.object { info.writeMembers(to: &$0) }
            $0.field("created", created.rawValue)
            $0.field("updated", updated.rawValue)
            $0.field("runs", activeRuns)
            $0.field("untold", untoldRuns)
            if queuedRuns > 0 { $0.field("queuedRuns", queuedRuns) }
            $0.field("queued", queuedInputs)
            $0.key("claimable")
            $0.array(claimable) { writer, queue in
                writer.object {
                    $0.field("agent", queue.agent?.value)
                    $0.field("since", queue.since.rawValue)
                }
            }
            $0.key("participants")
            $0.array(participants) { $0.string($1) }
            $0.key("works")
            $0.array(works) { writer, entry in
                writer.object {
                    $0.field("work", entry.work.value)
                    $0.field("run", entry.run.value)
                }
            }
            if let wakeUp { $0.field("wake", wakeUp.rawValue) }
        }
    }

    /// Reads a summary back; `nil` if the bytes are none.
    public init?(stored bytes: [UInt8]) {
        guard let value = try? JSONDocument.parse(bytes), let session = value["session"],
            let id: SessionID = session.id("id"), let metadata = session["metadata"],
            let state = session["state"]?.string.flatMap(SessionInfo.State.init),
            let created = value["created"]?.integer, let updated = value["updated"]?.integer
        else { return nil }
        info = SessionInfo(
            id: id, title: session["title"]?.string ?? "", metadata: Array(metadata.source),
            policies: SessionPolicies(stored: session["policies"]), state: state,
            forkedFrom: SessionInfo.Origin(stored: session["forkedFrom"]))
        self.created = Timestamp(milliseconds: created)
        self.updated = Timestamp(milliseconds: updated)
        activeRuns = value["runs"]?.integer.map { Int($0) } ?? 0
        untoldRuns = value["untold"]?.integer.map { Int($0) } ?? 0
        queuedRuns = value["queuedRuns"]?.integer.map { Int($0) } ?? 0
        queuedInputs = value["queued"]?.integer.map { Int($0) } ?? 0
        claimable = (value["claimable"]?.elements ?? []).map {
            ($0.id("agent"), Timestamp(milliseconds: $0["since"]?.integer ?? 0))
        }
        participants = (value["participants"]?.elements ?? []).compactMap(\.string)
        works = (value["works"]?.elements ?? []).compactMap { entry in
            guard let work: WorkID = entry.id("work"), let run: RunID = entry.id("run") else { return nil }
            return (work, run)
        }
        wakeUp = value["wake"]?.integer.map(Timestamp.init(milliseconds:))
    }

    init(
        info: SessionInfo, created: Timestamp, updated: Timestamp, activeRuns: Int, untoldRuns: Int,
        queuedRuns: Int, queuedInputs: Int, claimable: [(agent: AgentName?, since: Timestamp)], participants: [String],
        works: [(work: WorkID, run: RunID)], wakeUp: Timestamp?
    ) {
        self.info = info
        self.created = created
        self.updated = updated
        self.activeRuns = activeRuns
        self.untoldRuns = untoldRuns
        self.queuedRuns = queuedRuns
        self.queuedInputs = queuedInputs
        self.claimable = claimable
        self.participants = participants
        self.works = works
        self.wakeUp = wakeUp
    }
}

extension SessionMachine {
    public var summary: SessionSummary {
        SessionSummary(
            info: info, created: created, updated: updated, activeRuns: activeRuns.count - queuedRuns.count,
            untoldRuns: untoldRuns.count, queuedRuns: queuedRuns.count, queuedInputs: queuedInputs.count,
            claimable: baton == nil ? claimableQueues : [],
            participants: participants, works: works, wakeUp: nextWakeUp)
    }

    /// The cancelled runs whose holders have not been told yet.
    public var untoldRuns: [RunID] { runs.items.filter { $0.untold != nil }.map(\.id) }

    /// The runs that have not ended, oldest first.
    public var activeRunIDs: [RunID] { activeRuns }

    public func run(_ id: RunID) -> Run? { runs[id] }
    public func input(_ id: InputID) -> Input? { inputs[id] }
    public func command(_ id: CommandID) -> Command? { commands[id] }
    public var allMessages: [Message] { messages.items }
    public var allInputs: [Input] { inputs.items }
    public var allCommands: [Command] { commands.items }

    /// The lease of a run, for its holder's eyes only.
    public func lease(of id: RunID) -> (epoch: UInt64, token: String, milliseconds: Int64)? {
        runs[id].map { ($0.epoch, $0.token, $0.leaseMilliseconds) }
    }
}
