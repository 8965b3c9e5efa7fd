import NIOCore
import Synchronization
public import ThroughlineCore

/// A run that code in this process holds.
public struct RunHandle: Sendable {
    public let session: SessionID
    public let run: RunID
    public let token: String
    public let leaseMilliseconds: Int64

    public init(session: SessionID, run: RunID, token: String, leaseMilliseconds: Int64) {
        self.session = session
        self.run = run
        self.token = token
        self.leaseMilliseconds = leaseMilliseconds
    }
}

extension Engine {
    /// An input that an agent in this process answers.
    public struct Work: Sendable {
        public let handle: RunHandle
        /// One, or several that are answered together.
        public let inputs: [Input]

        public var input: Input { inputs[0] }
    }

    public typealias RunHandle = ThroughlineEngine.RunHandle
    public typealias FrameCursor = ThroughlineEngine.FrameCursor

    /// Adds an input with its started run, in one commit, to a session that is made if it is absent.
    ///
    /// - Returns: The run; `isNew` is false where the input was known, and the run is the one that it has.
    public func begin(
        _ exchange: Exchange, in session: SessionID, by participant: Participant
    ) async throws(Refusal) -> (run: RunID, isNew: Bool) {
        try requireReady()
        try Access.require(.write, of: participant)
        if store.status(of: StreamID(session)) != .erased {
            _ = makeSession(SessionInfo(id: session), by: participant)
        }
        let run = try await decided(on: session) { [self] (state) throws(Refusal) in
            let run = try state.machine.begin(exchange, by: participant, at: environment.now())
            if run == exchange.run.id {
                metrics.runsStarted.increment()
                renewLease(of: run, holder: nil, &state)
            }
            return run
        }
        return (run, run == exchange.run.id)
    }

    /// Writes to a run of this process. Returns when it is durable.
    public func write(_ events: [AgentEvent], frame: [UInt8]? = nil, to handle: RunHandle) async throws(Refusal) {
        let write = Operation.Write(run: handle.run, token: handle.token, number: nil, events: events, frame: frame)
        _ = try await perform(.write(write), on: handle.session, by: .server)
    }

    public func renew(_ handle: RunHandle) async throws(Refusal) {
        _ = try await perform(.heartbeat(run: handle.run, token: handle.token), on: handle.session, by: .server)
    }

    public func end(
        _ handle: RunHandle, reason: Run.State, usage: [UInt8]? = nil, error: RunError? = nil
    ) async throws(Refusal) {
        let end = Operation.EndRun(run: handle.run, token: handle.token, reason: reason, usage: usage, error: error)
        _ = try await perform(.endRun(end), on: handle.session, by: .server)
    }

    /// Waits until a run has ended and that is durable, or the task is cancelled. A cancelled run counts as told then.
    public func untilEnded(_ run: RunID, in session: SessionID) async {
        let reader = EventReader(self, session: session)
        guard var position = try? await reader.attach(from: .tail, by: .server).position else { return }
        defer { reader.detach() }
        while !Task.isCancelled {
            if let state = try? await runState(run, in: session) {
                if !state.isOver {
                    if let slice = try? await reader.next(after: position, within: .seconds(60)) {
                        position = slice.last
                    }
                    continue
                }
                if state == .cancelled { holderTold(of: run, in: session) }
            }
            return
        }
    }

    private func runState(_ run: RunID, in session: SessionID) async throws(Refusal) -> Run.State? {
        try await decided(on: session) { (state) throws(Refusal) in state.machine.run(run)?.state }
    }

    /// A run as it is now, durably.
    public func run(_ run: RunID, in session: SessionID) async throws(Refusal) -> Run? {
        try await decided(on: session) { (state) throws(Refusal) in state.machine.run(run) }
    }

    /// What was said in the branch that ends with an input, as far as it is for agents.
    public func conversation(
        of session: SessionID, upTo input: InputID?
    ) async throws(Refusal) -> [SessionMachine.Said] {
        try await decided(on: session) { (state) throws(Refusal) in state.machine.conversation(upTo: input) }
    }

    /// Takes work for an agent in this process.
    public func takeWork(
        agent: AgentName, work: WorkID, wait seconds: Int, leaseMilliseconds: Int64
    ) async throws(Refusal) -> Work? {
        let leave = Mutex<@Sendable () -> Void>({})
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let cancel = takeWork(
                    work, agent: agent, wait: .seconds(Int64(seconds)), leaseMilliseconds: leaseMilliseconds,
                    accepts: [], by: .agent(agent)
                ) { continuation.resume(returning: $0) }
                leave.withLock { $0 = cancel }
                if Task.isCancelled { cancel() }
            }
        } onCancel: {
            leave.withLock { $0 }()
        }
        guard let found = try answer.get() else { return nil }
        let handle = RunHandle(
            session: found.session, run: found.run, token: found.token, leaseMilliseconds: found.leaseMilliseconds)
        return Work(handle: handle, inputs: found.inputs)
    }

    func decided<Value: Sendable>(
        on session: SessionID, _ decision: @escaping @Sendable (inout LiveSession.State) throws(Refusal) -> Value
    ) async throws(Refusal) -> Value {
        try await withCheckedContinuation { continuation in
            decide(on: session, decision) { continuation.resume(returning: $0) }
        }.get()
    }
}
