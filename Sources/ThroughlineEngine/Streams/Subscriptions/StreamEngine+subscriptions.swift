import Logging
import NIOCore
import Synchronization
public import ThroughlineCore

/// Subscriptions: durable cursors that wake workers when streams grow.
extension StreamEngine {
    public static let maximumSubscriptions = 10_000

    /// The name in the store of what belongs to a subscription.
    static let subscriptionPrefix = "subscriptions/"

    public func subscription(_ id: String) -> HeldSubscription? {
        shelf.withLock { $0.subscriptions[id] }
    }

    public func standing(of held: HeldSubscription) -> SubscriptionStanding {
        let machine = held.state.withLock { $0.machine }
        return SubscriptionStanding(machine: machine, tails: tails(of: machine.links.keys))
    }

    func tails(of paths: some Sequence<StreamPath>) -> [StreamPath: StreamOffset] {
        Dictionary(paths.map { ($0, tail(of: $0)) }, uniquingKeysWith: { $1 })
    }

    /// Where a stream ends; at its start, where there is none.
    func tail(of path: StreamPath) -> StreamOffset {
        guard let stream = shelf.withLock({ $0.streams[path] }) else { return .start }
        return stream.state.withLock { $0.phase == .live ? StreamOffset(stream.base + $0.durable) : .start }
    }

    /// Creates a subscription, or confirms the same. Streams that are there are followed from their ends on.
    ///
    /// - Parameter completion: Gets whether it is new; `nil` where there is another of that id.
    public func subscribe(
        _ id: String, _ settings: SubscriptionSettings, origin: String,
        then completion: @escaping @Sendable (Result<(isNew: Bool, HeldSubscription)?, Refusal>) -> Void
    ) {
        do throws(Refusal) {
            try requireReady()
        } catch { return completion(.failure(error)) }
        var machine = SubscriptionMachine(id: id, settings: settings, created: environment.now(), origin: origin)
        let matching = shelf.withLock { $0.streams.keys.filter { settings.matches($0) } }
        var links: [StreamPath: SubscriptionMachine.Link] = [:]
        for path in matching { links[path] = .init(isExplicit: false, isByPattern: true, acknowledged: tail(of: path)) }
        for path in settings.streams {
            links[path] = .init(
                isExplicit: true, isByPattern: settings.matches(path), acknowledged: tail(of: path))
        }
        guard links.count <= SubscriptionMachine.maximumLinks else {
            return completion(.failure(Refusal(.tooMany, "A subscription follows 100,000 streams at most.")))
        }
        machine.apply(.linked(links))
        let stream = StreamID(Self.subscriptionPrefix + randomName())
        let new = HeldSubscription(machine, stream: stream, records: 0)
        let (known, isFull): (HeldSubscription?, Bool) = shelf.withLock { shelf in
            if let known = shelf.subscriptions[id] { return (known, false) }
            if shelf.subscriptions.count >= Self.maximumSubscriptions { return (nil, true) }
            shelf.subscriptions[id] = new
            return (nil, false)
        }
        if isFull {
            return completion(.failure(Refusal(.tooMany, "The server has as many subscriptions as it can have.")))
        }
        if let known {
            return whenDurable(known) { completion(.success(known.isSame(settings) ? (false, known) : nil)) }
        }
        new.change { state in
            append([machine.encoded], of: new, &state) { [self] refusal in
                if let refusal { return completion(.failure(refusal)) }
                watch(new)
                completion(.success((true, new)))
            }
        }
    }

    public func unsubscribe(_ held: HeldSubscription, then completion: @escaping @Sendable (Refusal?) -> Void) {
        held.change { state in
            state.timer?.cancel()
            commit([.deleted], of: held, &state) { [self] refusal in
                guard refusal == nil else { return completion(refusal) }
                let stream = held.change { state in
                    state.isGone = true
                    return state.stream
                }
                shelf.withLock { shelf in
                    if shelf.subscriptions[held.id] === held { shelf.subscriptions[held.id] = nil }
                }
                store.erase(stream) { [postman] _ in postman.beginCommit() }
                completion(nil)
            }
        }
    }

    /// Follows streams that were named, from their ends on.
    public func follow(
        _ paths: [StreamPath], by held: HeldSubscription, then completion: @escaping @Sendable (Refusal?) -> Void
    ) {
        let tails = tails(of: paths)
        held.change { state in
            var links: [StreamPath: SubscriptionMachine.Link] = [:]
            for path in paths {
                if let link = state.machine.link(path, explicit: true, at: tails[path] ?? .start) { links[path] = link }
            }
            guard state.machine.links.count + links.count <= SubscriptionMachine.maximumLinks else {
                return state.after.append {
                    completion(Refusal(.tooMany, "A subscription follows 100,000 streams at most."))
                }
            }
            commit(links.isEmpty ? [] : [.linked(links)], of: held, &state) { [self] refusal in
                if refusal == nil { watch(held) }
                completion(refusal)
            }
        }
    }

    /// Follows a stream no longer, unless the pattern says so.
    public func unfollow(
        _ path: StreamPath, by held: HeldSubscription, then completion: @escaping @Sendable (Refusal?) -> Void
    ) {
        held.change { state in
            var changes: [SubscriptionChange] = []
            if var link = state.machine.links[path], link.isExplicit {
                link.isExplicit = false
                changes = [link.isByPattern ? .linked([path: link]) : .unlinked(path)]
            }
            commit(changes, of: held, &state, then: completion)
        }
    }
}

extension HeldSubscription {
    fileprivate func isSame(_ settings: SubscriptionSettings) -> Bool {
        state.withLock { $0.machine.settings == settings }
    }
}

// MARK: - Storing

extension StreamEngine {
    /// Applies changes and stores them, under the subscription's lock. The completion comes when they, and all before them, are durable.
    func commit(
        _ changes: [SubscriptionChange], of held: HeldSubscription, _ state: inout HeldSubscription.State,
        then completion: @escaping @Sendable (Refusal?) -> Void
    ) {
        for change in changes { state.machine.apply(change) }
        if changes.isEmpty {
            if state.underWay > 0 {
                state.waiting.append { completion(nil) }
            } else {
                state.after.append { completion(nil) }
            }
        } else if state.records > 1_000 + 2 * UInt64(state.machine.links.count), state.underWay == 0 {
            compact(held, &state, then: completion)
        } else {
            append(changes.map(\.encoded), of: held, &state, then: completion)
        }
    }

    func append(
        _ payloads: [[UInt8]], of held: HeldSubscription, _ state: inout HeldSubscription.State,
        then completion: @escaping @Sendable (Refusal?) -> Void
    ) {
        let before = state.records
        let now = environment.now()
        let records = payloads.enumerated().map { index, payload in
            LogRecord(kind: .event, sequence: SequenceNumber(before + UInt64(index) + 1), at: now, payload: payload)
        }
        state.records += UInt64(records.count)
        state.underWay += 1
        let append = LogAppend(stream: state.stream, expecting: SequenceNumber(before), records: records)
        store.append(append) { [self] result in
            postman.beginCommit()
            if case .failure(let error) = result { reload(held, after: error) }
            let waiting = held.change { state in
                state.underWay -= 1
                guard state.underWay == 0 else { return [] as [@Sendable () -> Void] }
                defer { state.waiting = [] }
                return state.waiting
            }
            if case .failure(let error) = result { completion(Refusal(error)) } else { completion(nil) }
            for body in waiting { body() }
        }
    }

    /// Puts all changes together into the first record of a new stream.
    private func compact(
        _ held: HeldSubscription, _ state: inout HeldSubscription.State,
        then completion: @escaping @Sendable (Refusal?) -> Void
    ) {
        let old = state.stream
        let records = state.records
        state.machine = state.machine.revised
        state.stream = StreamID(Self.subscriptionPrefix + randomName())
        state.records = 0
        append([state.machine.encoded], of: held, &state) { [self] refusal in
            if refusal == nil {
                store.erase(old) { [postman] _ in postman.beginCommit() }
            } else {
                held.change { state in
                    state.stream = old
                    state.records = records
                }
            }
            completion(refusal)
        }
    }

    private func whenDurable(_ held: HeldSubscription, _ body: @escaping @Sendable () -> Void) {
        let isDurable = held.change { state in
            if state.underWay > 0 { state.waiting.append(body) }
            return state.underWay == 0
        }
        if isDurable { body() }
    }

    /// What was changed and did not become durable is dropped.
    private func reload(_ held: HeldSubscription, after error: StoreError) {
        appendFailed(error)
        let stream = held.state.withLock { $0.stream }
        guard let (machine, records) = read(stream) else {
            shelf.withLock { shelf in
                if shelf.subscriptions[held.id] === held { shelf.subscriptions[held.id] = nil }
            }
            return held.state.withLock { $0.isGone = true }
        }
        held.change { state in
            state.machine = machine
            state.records = records
        }
    }

    private func read(_ stream: StreamID) -> (SubscriptionMachine, UInt64)? {
        var machine: SubscriptionMachine?
        var count: UInt64 = 0
        do throws(StoreError) {
            while true {
                let records = try store.read(stream, after: SequenceNumber(count), limit: ReadLimit())
                if records.isEmpty { break }
                for record in records where record.kind == .event {
                    count += 1
                    if count == 1 {
                        machine = SubscriptionMachine(stored: record.payload)
                    } else if let change = SubscriptionChange(stored: record.payload) {
                        machine?.apply(change)
                    } else {
                        machine = nil
                    }
                    if machine == nil { throw .corrupt("record \(count)") }
                }
            }
        } catch {
            logger.error(
                "a subscription cannot be read",
                metadata: ["tl.stream.id": "\(stream)", "tl.reason": "\(error)"])
            return nil
        }
        return machine.map { ($0, count) }
    }

    /// Brings back what the store has, when the server starts.
    func loadSubscriptions(_ streams: [StreamID]) {
        for stream in streams {
            guard let (machine, records) = read(stream) else { continue }
            let held = HeldSubscription(machine, stream: stream, records: records)
            let over: StreamID? = shelf.withLock { shelf in
                if machine.isDeleted { return stream }
                if let other = shelf.subscriptions[machine.id] {
                    let (revision, name) = other.state.withLock { ($0.machine.revision, $0.stream) }
                    if revision > machine.revision { return stream }
                    shelf.subscriptions[machine.id] = held
                    return name
                }
                shelf.subscriptions[machine.id] = held
                return nil
            }
            if let over { store.erase(over) { [postman] _ in postman.beginCommit() } }
        }
        for held in shelf.withLock({ Array($0.subscriptions.values) }) { watch(held) }
    }
}
