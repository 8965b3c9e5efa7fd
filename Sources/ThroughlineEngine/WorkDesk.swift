import DequeModule
import Synchronization
import ThroughlineCore

/// Brings agents that ask for work and sessions that have some together.
///
/// It knows only durable facts, and may be behind: a session that it offers can turn out to have nothing any more.
final class WorkDesk: Sendable {
    typealias Completion = @Sendable (Result<WorkAnswer?, Refusal>) -> Void

    struct Waiter: Sendable {
        var work: WorkID
        var agent: AgentName
        var by: Participant
        var heldBy: Participant
        var leaseMilliseconds: Int64
        var attempts: Int
        var accepts: [Command.Verb]?
        var budget: RunBudget?
        var holder: HolderConnection?
        var completion: Completion
    }

    enum Known {
        case new, refused
        /// The id is that of another agent's work.
        case taken
        case claimed(SessionID, RunID)
    }

    fileprivate struct State {
        /// Sessions with an input to hand out, oldest first, by the agent it is for.
        var queues: [AgentName?: Deque<SessionID>] = [:]
        var queued: [AgentName?: Set<SessionID>] = [:]
        var waiters: Deque<Waiter> = []
        /// Work ids whose claim is being decided, with those who asked again meanwhile.
        var claiming: [WorkID: (agent: AgentName, others: [Completion])] = [:]
        /// Of those, the ones whose agent waits no longer.
        var late: Set<WorkID> = []
        var claimed: [WorkID: (session: SessionID, run: RunID)] = [:]
        var worksOfSession: [SessionID: [WorkID]] = [:]
    }

    private let state = Mutex(State())
    private let maximumWaiters: Int

    init(maximumWaiters: Int) { self.maximumWaiters = maximumWaiters }

    var waitingCount: Int { state.withLock { $0.waiters.count } }

    /// What a session has to hand out now, and the work ids it remembers.
    func update(
        _ session: SessionID, claimable: [(agent: AgentName?, since: Timestamp)], works: [(work: WorkID, run: RunID)]
    ) {
        state.withLock { state in
            for queue in claimable where state.queued[queue.agent, default: []].insert(session).inserted {
                state.queues[queue.agent, default: []].append(session)
            }
            let ids = works.map(\.work)
            for old in state.worksOfSession[session] ?? [] where !ids.contains(old) { state.claimed[old] = nil }
            state.worksOfSession[session] = ids.isEmpty ? nil : ids
            for (work, run) in works { state.claimed[work] = (session, run) }
        }
    }

    func forget(_ session: SessionID) {
        state.withLock { state in
            for work in state.worksOfSession.removeValue(forKey: session) ?? [] { state.claimed[work] = nil }
        }
    }

    /// Lets an agent wait. Who asks again with the same id takes the place of who asked before, who gets nothing. An agent of
    /// another name does not: the id is taken.
    func add(_ waiter: Waiter) -> Known {
        let (known, replaced): (Known, Completion?) = state.withLock { state in
            if let run = state.claimed[waiter.work] { return (.claimed(run.session, run.run), nil) }
            if let claim = state.claiming[waiter.work] {
                guard claim.agent == waiter.agent else { return (.taken, nil) }
                state.claiming[waiter.work]?.others.append(waiter.completion)
                return (.new, nil)
            }
            if let index = state.waiters.firstIndex(where: { $0.work == waiter.work }) {
                guard state.waiters[index].agent == waiter.agent else { return (.taken, nil) }
                let replaced = state.waiters[index].completion
                state.waiters[index] = waiter
                return (.new, replaced)
            }
            guard state.waiters.count < maximumWaiters else { return (.refused, nil) }
            state.waiters.append(waiter)
            return (.new, nil)
        }
        replaced?(.success(nil))
        return known
    }

    /// Takes a waiter and a session to try. The session leaves the queue: it comes back with its next commit.
    func match() -> (waiter: Waiter, session: SessionID)? {
        state.withLock { state in
            for (index, waiter) in state.waiters.enumerated() {
                guard let session = state.take(for: waiter.agent) else { continue }
                state.waiters.remove(at: index)
                state.claiming[waiter.work] = (waiter.agent, [])
                return (waiter, session)
            }
            return nil
        }
    }

    /// The claim came to nothing: the agent waits on, before all others, if it still waits.
    func putBack(_ waiter: Waiter) {
        let isLate = state.withLock { $0.late.remove(waiter.work) != nil }
        if isLate { return finish(waiter, .success(nil), claimed: nil) }
        state.withLock { state in
            let others = state.claiming.removeValue(forKey: waiter.work)?.others ?? []
            var waiter = waiter
            if !others.isEmpty {
                let first = waiter.completion
                waiter.completion = { result in
                    first(result)
                    for other in others { other(result) }
                }
            }
            state.waiters.prepend(waiter)
        }
    }

    func finish(_ waiter: Waiter, _ result: Result<WorkAnswer?, Refusal>, claimed: (SessionID, RunID)?) {
        let others = state.withLock { state in
            if let claimed { state.claimed[waiter.work] = claimed }
            state.late.remove(waiter.work)
            return state.claiming.removeValue(forKey: waiter.work)?.others ?? []
        }
        waiter.completion(result)
        for other in others { other(result) }
    }

    /// The agent waits no longer, if it still does.
    func cancel(_ work: WorkID) {
        let completion: Completion? = state.withLock { state in
            guard let index = state.waiters.firstIndex(where: { $0.work == work }) else {
                if state.claiming[work] != nil { state.late.insert(work) }
                return nil
            }
            return state.waiters.remove(at: index).completion
        }
        completion?(.success(nil))
    }

    /// Sessions with something to hand out to this agent, oldest first: what is addressed to it, then what is to nobody.
    func waiting(for agent: AgentName, limit: Int) -> [SessionID] {
        state.withLock { state in
            var sessions = Array((state.queues[agent] ?? []).prefix(limit))
            let own = state.queued[agent] ?? []
            for session in (state.queues[nil] ?? []).prefix(limit) where !own.contains(session) {
                guard sessions.count < limit else { break }
                sessions.append(session)
            }
            return sessions
        }
    }

    func cancelAll() -> [Completion] {
        state.withLock { state in
            defer { state.waiters = [] }
            return state.waiters.map(\.completion)
        }
    }
}

extension WorkDesk.State {
    /// The next session for an agent: from its own queue first, then from the one for everybody.
    fileprivate mutating func take(for agent: AgentName) -> SessionID? {
        for queue in [agent, nil] as [AgentName?] {
            guard let session = queues[queue]?.popFirst() else { continue }
            queued[queue]?.remove(session)
            return session
        }
        return nil
    }
}
