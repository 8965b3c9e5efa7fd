import Logging
import NIOCore
import Synchronization
public import ThroughlineCore

/// Wakes: from a message in a stream to a worker that has dealt with it.
extension StreamEngine {
    /// Sees to it that a subscription hears of its streams' messages, and wakes it if there are some.
    func watch(_ held: HeldSubscription) {
        let machine = held.state.withLock { $0.machine }
        let streams = shelf.withLock { shelf in
            shelf.streams.filter { machine.links[$0.key] != nil || machine.settings.matches($0.key) }.map(\.value)
        }
        for stream in streams {
            stream.state.withLock { state in
                if !state.watchers.contains(where: { $0 === held }) { state.watchers.append(held) }
            }
        }
        held.change { state in
            if state.machine.wake != nil { resume(held, &state) } else { wake(held, &state) }
        }
    }

    /// The subscriptions that a new stream is of concern to.
    func watchers(of path: StreamPath) -> [HeldSubscription] {
        let all = shelf.withLock { $0.subscriptions.isEmpty ? [] : Array($0.subscriptions.values) }
        return all.filter { held in
            held.state.withLock { $0.machine.links[path] != nil || $0.machine.settings.matches(path) }
        }
    }

    /// A stream has messages that it did not have.
    func appended(to path: StreamPath, watchers: [HeldSubscription]) {
        for held in watchers {
            held.change { state in
                guard !state.isGone, !state.machine.isDeleted else { return }
                if state.machine.settings.matches(path),
                    let link = state.machine.link(path, explicit: false, at: .start),
                    state.machine.links.count < SubscriptionMachine.maximumLinks
                {
                    commit([.linked([path: link])], of: held, &state) { _ in }
                }
                if state.machine.links[path] != nil { wake(held, &state) }
            }
        }
    }

    /// A stream is gone. One that comes at its path later begins anew.
    func deleted(_ path: StreamPath, watchers: [HeldSubscription]) {
        for held in watchers {
            held.change { state in
                guard !state.isGone, var link = state.machine.links[path] else { return }
                link.isByPattern = false
                link.acknowledged = .start
                commit([link.isExplicit ? .linked([path: link]) : .unlinked(path)], of: held, &state) { _ in }
            }
        }
    }

    /// Begins a wake if there is something to do and none is under way.
    private func wake(_ held: HeldSubscription, _ state: inout HeldSubscription.State) {
        guard state.machine.wake == nil, !state.machine.isDeleted, let change = newWake(state.machine) else { return }
        commit([change], of: held, &state) { [self] refusal in
            if refusal == nil { announce(held) }
        }
    }

    private func newWake(_ machine: SubscriptionMachine) -> SubscriptionChange? {
        let pending = machine.pending(tail(of:))
        guard !pending.isEmpty else { return nil }
        return .woken(id: "w_" + randomName(), tails: tails(of: pending))
    }

    /// A wake is durable: its worker is told.
    private func announce(_ held: HeldSubscription) {
        let machine = held.state.withLock { $0.machine }
        guard let wake = machine.wake, wake.holder == nil else { return }
        switch machine.settings.delivery {
        case .webhook: call(held)
        case .pullWake(let path):
            let message = JSONWriter.object {
                $0.field("type", "wake")
                $0.field("subscription_id", machine.id)
                $0.field("stream", wake.tails.keys.min()?.value ?? "")
                $0.field("generation", machine.generation)
                $0.field("ts", environment.now().rawValue)
            }
            let write = StreamWrite(messages: [], contentType: "application/json")
            self.write(write, body: message, to: path) { [logger] result in
                if case .success(let written) = result, written.verdict == .taken { return }
                logger.warning(
                    "a wake could not be written",
                    metadata: ["tl.subscription": "\(machine.id)", "tl.stream": "\(path)"])
            }
        }
    }

    /// What was under way when the server ended goes on, with a lease that begins anew.
    private func resume(_ held: HeldSubscription, _ state: inout HeldSubscription.State) {
        guard let wake = state.machine.wake, state.timer == nil else { return }
        if case .webhook = state.machine.settings.delivery {
            let pause = state.machine.retry.map { max(0, $0.next.rawValue - environment.now().rawValue) } ?? 0
            later(held, &state, milliseconds: pause) { $0.call(held) }
        } else if wake.holder != nil {
            beginLease(of: held, &state)
        }
    }

    // MARK: Webhooks

    private func call(_ held: HeldSubscription) {
        let standing = standing(of: held)
        guard let wake = standing.machine.wake, !standing.machine.isDeleted else { return }
        guard let caller = shelf.withLock({ $0.caller }) else { return }
        let generation = standing.machine.generation
        caller(SubscriptionCall(subscription: held, standing: standing, wake: wake)) { [self] outcome in
            held.change { state in
                // It was settled by a callback meanwhile.
                guard state.machine.generation == generation, state.machine.wake?.id == wake.id else { return }
                called(held, &state, wake, outcome)
            }
        }
    }

    private func called(
        _ held: HeldSubscription, _ state: inout HeldSubscription.State, _ wake: SubscriptionMachine.Wake,
        _ outcome: CallOutcome
    ) {
        let heard: [SubscriptionChange] = state.machine.retry == nil ? [] : [.heard]
        switch outcome {
        case .failed:
            let chance = environment.randomBytes(8).reduce(0) { $0 << 8 | UInt64($1) }
            let retry = state.machine.nextRetry(at: environment.now(), chance: chance)
            commit([.failed(retry)], of: held, &state) { _ in }
            later(held, &state, milliseconds: retry.next.rawValue - environment.now().rawValue) { $0.call(held) }
        case .heard:
            commit(heard, of: held, &state) { _ in }
            beginLease(of: held, &state)
        case .done:
            var offsets = wake.tails
            for (path, offset) in offsets where offset < state.machine.links[path]?.acknowledged ?? .start {
                offsets[path] = nil
            }
            settle(held, &state, heard + [.acknowledged(offsets)]) { _, _ in }
        }
    }

    // MARK: Workers

    /// Takes what waits, for a time. Only where wakes are pulled.
    public func claim(
        _ held: HeldSubscription, by worker: String,
        then completion: @escaping @Sendable (Result<SubscriptionStanding, SubscriptionError>, Refusal?) -> Void
    ) {
        held.change { state in
            func answer(_ error: SubscriptionError) {
                commit([], of: held, &state) { completion(.failure(error), $0) }
            }
            guard case .pullWake = state.machine.settings.delivery else { return answer(.notPullWake) }
            if state.isGone || state.machine.isDeleted { return answer(.notFound) }
            if let holder = state.machine.wake?.holder {
                return answer(.claimed(by: holder, generation: state.machine.generation))
            }
            if state.machine.pending(tail(of:)).isEmpty { return answer(.nothingPending) }
            var changes: [SubscriptionChange] = []
            if state.machine.wake == nil, let change = newWake(state.machine) { changes.append(change) }
            commit(changes + [.claimed(by: worker)], of: held, &state) { [self] refusal in
                completion(.success(standing(of: held)), refusal)
            }
            beginLease(of: held, &state)
        }
    }

    /// Moves cursors, and keeps the lease or ends it. The completion gets whether there is more to do.
    public func acknowledge(
        _ word: WorkerWord, of held: HeldSubscription,
        then completion: @escaping @Sendable (Result<Bool, SubscriptionError>, Refusal?) -> Void
    ) {
        held.change { state in
            do throws(SubscriptionError) {
                if state.isGone || state.machine.isDeleted { throw .notFound }
                let changes = try state.machine.acknowledge(word, tail(of:))
                guard word.isDone else {
                    commit(changes, of: held, &state) { completion(.success(false), $0) }
                    return beginLease(of: held, &state)
                }
                settle(held, &state, changes.filter { $0 != .settled }) { completion(.success($0), $1) }
            } catch {
                commit([], of: held, &state) { completion(.failure(error), $0) }
            }
        }
    }

    /// Lets go of a wake without having dealt with it.
    public func release(
        _ word: WorkerWord, of held: HeldSubscription,
        then completion: @escaping @Sendable (Result<Void, SubscriptionError>, Refusal?) -> Void
    ) {
        held.change { state in
            do throws(SubscriptionError) {
                if state.isGone || state.machine.isDeleted { throw .notFound }
                try state.machine.check(word)
                settle(held, &state, []) { completion(.success(()), $1) }
            } catch {
                commit([], of: held, &state) { completion(.failure(error), $0) }
            }
        }
    }

    /// Ends a wake, and begins the next where there is something to do.
    private func settle(
        _ held: HeldSubscription, _ state: inout HeldSubscription.State, _ changes: [SubscriptionChange],
        then completion: @escaping @Sendable (Bool, Refusal?) -> Void
    ) {
        state.timer?.cancel()
        state.timer = nil
        var after = state.machine
        for change in changes + [.settled] { after.apply(change) }
        let next = newWake(after)
        commit(changes + [.settled] + (next.map { [$0] } ?? []), of: held, &state) { [self] refusal in
            completion(next != nil, refusal)
            if refusal == nil, next != nil { announce(held) }
        }
    }

    private func beginLease(of held: HeldSubscription, _ state: inout HeldSubscription.State) {
        let generation = state.machine.generation
        later(held, &state, milliseconds: state.machine.settings.leaseMilliseconds) { engine in
            held.change { state in
                guard state.machine.generation == generation, state.machine.wake != nil else { return }
                engine.settle(held, &state, []) { _, _ in }
            }
        }
    }

    /// Does something after a time, in place of what was to be done before.
    private func later(
        _ held: HeldSubscription, _ state: inout HeldSubscription.State, milliseconds: Int64,
        _ body: @escaping @Sendable (StreamEngine) -> Void
    ) {
        state.timer?.cancel()
        state.timer = timers.scheduleTask(in: .milliseconds(max(0, milliseconds))) { [weak self] in
            guard let self, (try? requireReady()) != nil else { return }
            body(self)
        }
    }

    /// Sets who calls webhooks. Calls that were waiting for that are made.
    public func setCaller(
        _ caller: @escaping @Sendable (SubscriptionCall, @escaping @Sendable (CallOutcome) -> Void) -> Void
    ) {
        let all = shelf.withLock { shelf in
            shelf.caller = caller
            return Array(shelf.subscriptions.values)
        }
        for held in all { held.change { resume(held, &$0) } }
    }
}
