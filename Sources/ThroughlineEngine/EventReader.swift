public import NIOCore
import Synchronization
public import ThroughlineCore

/// A reader for tasks: for SSE, long-polls, exports and in-process agents.
public final class EventReader: PresenceWatcher {
    private let engine: Engine
    private let unseen = Mutex<[UInt8]?>(nil)
    private let subscription: Subscription
    private let signal: SignalBox

    public init(_ engine: Engine, session: SessionID) {
        self.engine = engine
        let signal = SignalBox()
        self.signal = signal
        subscription = Subscription(session: session, mailbox: Mailbox(loop: nil)) { signal.raise() }
    }

    public func attach(from start: ReadStart, by participant: Participant) async throws(Refusal) -> Attachment {
        try await withCheckedContinuation { continuation in
            engine.attach(subscription, from: start, by: participant) { continuation.resume(returning: $0) }
        }.get()
    }

    /// The reader is somebody who is there. With `watching`, ``takePresence()`` has news of others.
    public func arrive(watching: Bool) { engine.arrive(subscription, watcher: watching ? self : nil) }

    public func presenceChanged(_ list: [UInt8]) {
        unseen.withLock { $0 = list }
        signal.raise()
    }

    public var hasPresence: Bool { unseen.withLock { $0 != nil } }

    /// Who is there, if that has changed: a JSON array.
    public func takePresence() -> [UInt8]? {
        unseen.withLock { unseen in
            defer { unseen = nil }
            return unseen
        }
    }

    /// What follows a position. Waits for it, but no longer than `limit`; `nil` then, when the task is cancelled, and when
    /// there is news of who is there.
    public func next(after position: SequenceNumber, within limit: TimeAmount) async throws(Refusal) -> EventSlice? {
        let expiry = engine.timers.scheduleTask(in: limit) { [signal] in signal.expire() }
        defer { expiry.cancel() }
        while true {
            switch engine.pull(subscription, after: position) {
            case .slice(let slice): return slice
            case .refused(let refusal): throw refusal
            case .stored:
                let slice = try await stored(after: position)
                if slice.last > position { return slice }
            case .upToDate:
                guard unseen.withLock({ $0 == nil }), await signal.wait() else { return nil }
            }
        }
    }

    /// What follows a position and is durable now, never merged; empty at the end.
    public func page(
        after position: SequenceNumber, records: Int, bytes: Int = 1 << 20
    ) async throws(Refusal) -> [Delivery] {
        try await withCheckedContinuation { continuation in
            engine.readEvents(
                of: subscription.session, after: position, limit: ReadLimit(records: records, bytes: bytes),
                for: subscription.clearance
            ) { continuation.resume(returning: $0) }
        }.get()
    }

    /// Waits for the next commit of the session: one that brings only notes wakes as well.
    func waitForCommit(within limit: TimeAmount) async {
        let expiry = engine.timers.scheduleTask(in: limit) { [signal] in signal.expire() }
        _ = await signal.wait()
        expiry.cancel()
    }

    /// Durable records with their notes.
    func records(after position: SequenceNumber) async throws(Refusal) -> [LogRecord] {
        let engine = engine
        let session = subscription.session
        let result: Result<[LogRecord], Refusal> = await withCheckedContinuation { continuation in
            engine.pool.run(for: session) {
                do throws(StoreError) {
                    let records = try engine.store.read(
                        StreamID(session), after: position, limit: ReadLimit(bytes: 24 << 20))
                    continuation.resume(returning: .success(records))
                } catch {
                    continuation.resume(returning: .failure(Refusal(error)))
                }
            }
        }
        return try result.get()
    }

    private func stored(after position: SequenceNumber) async throws(Refusal) -> EventSlice {
        try await withCheckedContinuation { continuation in
            engine.readStored(subscription, after: position) { continuation.resume(returning: $0) }
        }.get()
    }

    public func detach() { engine.detach(subscription) }

    deinit { detach() }
}

/// Wakes one waiting task; a signal raised meanwhile is not lost.
final class SignalBox: Sendable {
    private struct State {
        var isRaised = false
        var isExpired = false
        var waiting: CheckedContinuation<Bool, Never>?
    }

    private let state = Mutex(State())

    func raise() {
        let waiting = state.withLock { state in
            defer { state.waiting = nil }
            if state.waiting == nil { state.isRaised = true }
            return state.waiting
        }
        waiting?.resume(returning: true)
    }

    /// Time is up for the wait that is on, or for the next.
    func expire() {
        let waiting = state.withLock { state in
            defer { state.waiting = nil }
            if state.waiting == nil { state.isExpired = true }
            return state.waiting
        }
        waiting?.resume(returning: false)
    }

    /// False when time was up or the task was cancelled.
    func wait() async -> Bool {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Bool? = state.withLock { state in
                    if state.isRaised {
                        state.isRaised = false
                        return true
                    }
                    if state.isExpired || Task.isCancelled {
                        state.isExpired = false
                        return false
                    }
                    state.waiting = continuation
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            expire()
        }
    }
}
