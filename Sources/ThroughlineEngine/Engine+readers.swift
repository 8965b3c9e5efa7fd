import Synchronization
public import ThroughlineCore

/// Where a reader begins.
public enum ReadStart: Sendable, Equatable {
    case after(SequenceNumber)
    case snapshot(SnapshotPage)
    case tail

    public static func == (left: ReadStart, right: ReadStart) -> Bool {
        switch (left, right) {
        case (.after(let one), .after(let other)): one == other
        case (.snapshot, .snapshot), (.tail, .tail): true
        default: false
        }
    }
}

/// A reader has begun.
public struct Attachment: Sendable {
    /// The session's last event.
    public var tail: SequenceNumber
    /// What the reader gets next is behind this.
    public var position: SequenceNumber
    public var snapshot: [UInt8]?
}

/// What a reader may see of what is stored.
struct Sight: Sendable {
    var restricted: RestrictedPieces
    var clearance: Audience
    /// Of what is behind this event it is not known yet for whom it is.
    var tail: SequenceNumber

    init(of machine: SessionMachine, for clearance: Audience) {
        restricted = machine.restricted
        tail = machine.tail
        self.clearance = clearance
    }
}

extension Engine {
    /// Registers a reader. From the completion on it pulls from `position`.
    public func attach(
        _ subscription: Subscription, from start: ReadStart, by participant: Participant,
        then completion: @escaping @Sendable (Result<Attachment, Refusal>) -> Void
    ) {
        guard Access.permits(.read, to: participant, orTell: completion) else { return }
        subscription.setReader(participant)
        decide(on: subscription.session) { [self] (state) throws(Refusal) in
            let tail = state.machine.tail
            var attachment = Attachment(tail: tail, position: tail)
            switch start {
            case .tail: break
            case .snapshot(var page):
                page.clearance = subscription.clearance
                attachment.snapshot = try state.snapshot(page)
            case .after(let position):
                guard position <= tail else {
                    throw Refusal(
                        .cursorAhead, "The session ends at \(tail). Begin again from a snapshot.",
                        numbers: ["tail": tail.rawValue])
                }
                attachment.position = position
            }
            register(subscription, &state)
            metrics.readers.increment()
            return attachment
        } then: {
            completion($0)
        }
    }

    public func detach(_ subscription: Subscription) {
        leave(subscription)
        guard let live = directory.live(subscription.session) else { return }
        let wasThere = live.state.withLock { state in
            state.readers.remove(subscription)
        }
        if wasThere { metrics.readers.increment(by: -1) }
    }

    private func register(_ subscription: Subscription, _ state: inout LiveSession.State) {
        state.readers.insert(subscription)
    }

    /// What is durable behind a position, as far as it is in memory.
    public func pull(_ subscription: Subscription, after position: SequenceNumber) -> Pulled {
        guard let live = directory.live(subscription.session) else { return reattach(subscription) }
        let pulled: Pulled? = live.state.withLock { state in
            switch state.retirement {
            case .reload: return nil
            // Its readers are woken when that is certain.
            case .erased: return store.status(of: live.stream) == .erased ? .refused(absent(live.id)) : .upToDate
            case nil: break
            }
            guard position < state.durable else {
                register(subscription, &state)
                return .upToDate
            }
            if !state.machine.restricted.isEmpty, subscription.clearance < .operators {
                return pullFiltered(after: position, for: subscription.clearance, &state)
            }
            if let slice = state.slice, slice.after == position, slice.last == state.durable { return .slice(slice) }
            guard
                let events = state.window.events(
                    after: position, upTo: state.durable, bytes: configuration.sliceBytes)
            else { return .stored }
            let slice = makeSlice(after: position, events)
            state.slice = slice
            return .slice(slice)
        }
        metrics.deliveries.increment()
        return pulled ?? reattach(subscription)
    }

    /// The same for a reader who may not see all: such readers share their slices among themselves.
    private func pullFiltered(
        after position: SequenceNumber, for clearance: Audience, _ state: inout LiveSession.State
    ) -> Pulled {
        if let slice = state.filtered[clearance], slice.after == position, slice.last == state.durable {
            return .slice(slice)
        }
        guard
            let events = state.window.events(after: position, upTo: state.durable, bytes: configuration.sliceBytes)
        else { return .stored }
        let slice = makeSlice(
            after: position, Delivery.withholding(events, by: state.machine.restricted, from: clearance))
        state.filtered[clearance] = slice
        return .slice(slice)
    }

    func makeSlice(after position: SequenceNumber, _ events: [Delivery]) -> EventSlice {
        EventSlice(
            after: position, deliveries: events.count > configuration.mergeAbove ? Delivery.merging(events) : events)
    }

    /// The session left memory under its reader: bring it back, and wake the reader then.
    func reattach(_ subscription: Subscription) -> Pulled {
        if store.status(of: StreamID(subscription.session)) == .erased { return .refused(absent(subscription.session)) }
        lookUp(subscription.session) { [self] result in
            if case .success(let live) = result { live.state.withLock { register(subscription, &$0) } }
            deliver(to: subscription.mailbox) { subscription.wake() }
        }
        return .upToDate
    }

    /// Reads what has left memory, on a thread for that; the completion is brought to the reader's loop.
    public func readStored(
        _ subscription: Subscription, after position: SequenceNumber,
        then completion: @escaping @Sendable (Result<EventSlice, Refusal>) -> Void
    ) {
        metrics.storedReads.increment()
        readEvents(
            of: subscription.session, after: position, limit: ReadLimit(bytes: configuration.sliceBytes),
            for: subscription.clearance
        ) { [self] result in
            let result = result.map { makeSlice(after: position, $0) }
            deliver(to: subscription.mailbox) { completion(result) }
        }
    }

    /// Reads what is stored as a reader of this clearance may see it, on a thread for that.
    func readEvents(
        of session: SessionID, after position: SequenceNumber, limit: ReadLimit, for clearance: Audience,
        then completion: @escaping @Sendable (Result<[Delivery], Refusal>) -> Void
    ) {
        lookUp(session) { [self] result in
            let sight = result.map { live in live.state.withLock { Sight(of: $0.machine, for: clearance) } }
            pool.run(for: session) { [self] in
                completion(sight.flatMap { readEvents(of: session, after: position, limit: limit, $0) })
            }
        }
    }

    func readEvents(
        of session: SessionID, after position: SequenceNumber, limit: ReadLimit, _ sight: Sight
    ) -> Result<[Delivery], Refusal> {
        do throws(StoreError) {
            let records = try store.read(StreamID(session), after: position, limit: limit)
            let events = records.lazy.filter { $0.kind == .event && $0.sequence <= sight.tail }
                .map { Delivery(sequence: $0.sequence, bytes: $0.payload) }
            return .success(Delivery.withholding(Array(events), by: sight.restricted, from: sight.clearance))
        } catch {
            return .failure(Refusal(error))
        }
    }
}
