import NIOCore
import ThroughlineCore
import ThroughlineEngine

/// A session that a WebSocket reads. Pulls when woken, stops while the socket is full, and then goes on with a bigger step.
///
/// `@unchecked Sendable`: used on the connection's loop only.
final class AttachedReader: @unchecked Sendable {
    private weak var connection: WebSocketConnection?
    private let mailbox: Mailbox
    private let session: SessionID
    private let engine: Engine
    private var subscription: Subscription?
    private var position = SequenceNumber.zero
    private var isReading = false
    private var isAttached = false
    private let isWatching: Bool
    /// Who is there, and not sent yet.
    private var unseen: [UInt8]?

    init(_ session: SessionID, on connection: WebSocketConnection, isWatching: Bool) {
        self.isWatching = isWatching
        self.session = session
        self.connection = connection
        mailbox = connection.mailbox
        engine = connection.engine
    }

    func attach(
        from start: ReadStart, by participant: Participant,
        then completion: @escaping @Sendable (Result<Attachment, Refusal>) -> Void
    ) {
        let subscription = Subscription(session: session, mailbox: mailbox) { [weak self] in self?.woken() }
        self.subscription = subscription
        engine.attach(subscription, from: start, by: participant) { [self] result in
            completion(result)
            // Who detached meanwhile was not registered yet then.
            engine.deliver(to: mailbox) { if self.subscription == nil { self.engine.detach(subscription) } }
        }
    }

    /// The attachment was answered: events may flow.
    func begin(at position: SequenceNumber) {
        self.position = position
        isAttached = true
        if let subscription { engine.arrive(subscription, watcher: isWatching ? self : nil) }
        pull()
    }

    func detach() {
        isAttached = false
        if let subscription { engine.detach(subscription) }
        subscription = nil
    }

    private func woken() {
        pull()
        connection?.output?.flushIfNeeded()
    }

    /// Writes what there is, as long as the socket takes it.
    func pull() {
        guard isAttached, !isReading, let subscription, let output = connection?.output else { return }
        sendPresence(to: output)
        while output.isWritable {
            switch engine.pull(subscription, after: position) {
            case .slice(let slice): write(slice, to: output)
            case .upToDate: return
            case .stored: return readStored(subscription)
            case .refused(let refusal): return end(refusal)
            }
        }
        output.flushIfNeeded()
    }

    private func write(_ slice: EventSlice, to output: any WebSocketOutput) {
        position = slice.last
        output.send(WebSocketFraming.events(slice, of: session))
    }

    private func readStored(_ subscription: Subscription) {
        isReading = true
        engine.readStored(subscription, after: position) { [weak self] result in
            guard let self, self.isAttached else { return }
            self.isReading = false
            switch result {
            case .success(let slice) where slice.last > self.position:
                if let output = self.connection?.output { self.write(slice, to: output) }
            case .success: break
            case .failure(let refusal): return self.end(refusal)
            }
            self.woken()
        }
    }

    private func sendPresence(to output: any WebSocketOutput) {
        guard output.isWritable, let list = unseen else { return }
        unseen = nil
        connection?.send {
            $0.field("session", session.value)
            $0.field("presence", raw: list)
        }
    }

    private func end(_ refusal: Refusal) {
        detach()
        guard let connection else { return }
        connection.readers[session] = nil
        connection.send {
            $0.field("session", session.value)
            $0.field("error", raw: refusal.problem)
        }
        connection.output?.flushIfNeeded()
    }
}

extension AttachedReader: PresenceWatcher {
    func presenceChanged(_ list: [UInt8]) {
        mailbox.loop?.execute { [weak self] in
            guard let self, self.isAttached else { return }
            self.unseen = list
            self.woken()
        }
    }
}
