import Synchronization
public import ThroughlineCore

/// A run that a connection writes to, found once: from then on an append costs no look-up by name.
///
/// `@unchecked Sendable`: all that changes is used on the connection's loop only.
public final class RunWriter: @unchecked Sendable {
    public let session: SessionID
    public let run: RunID
    let live: LiveSession
    let holder: SessionMachine.Holder
    /// The connection to tell of a cancel, where it is one that can be told.
    let connection: HolderConnection?
    /// Where the connection waits for what becomes of its writes.
    let mailbox: Mailbox
    var cursor = SessionMachine.PartCursor()
    /// What every acknowledgement begins with, up to the number.
    public let acknowledgement: [UInt8]

    init(_ live: LiveSession, holder: SessionMachine.Holder, mailbox: Mailbox, connection: HolderConnection?) {
        session = live.id
        run = holder.id
        self.live = live
        self.holder = holder
        self.connection = connection
        self.mailbox = mailbox
        acknowledgement = Array(#"{"session":"\#(live.id.value)","run":"\#(holder.id.value)","written":"#.utf8)
    }
}

/// What became of one write of a ``RunWriter``.
public struct WriteReceipt: Sendable {
    public let writer: RunWriter
    public let number: UInt64
    /// The session's last event when this was decided.
    public let tail: SequenceNumber
    /// The size of the message that brought it.
    public let bytes: Int
    /// Set where it did not become durable after all.
    public var refusal: Refusal?
}

/// A connection that gets receipts. Called on the mailbox's loop.
public protocol ReceiptTaker: AnyObject, Sendable {
    func take(_ receipt: WriteReceipt)
    /// All that came with one commit has been taken.
    func commitTaken()
}

extension Engine {
    /// Finds a run for a connection that writes to it. `nil` where the general way has something to say.
    ///
    /// - Parameters:
    ///   - mailbox: Where the receipts go.
    ///   - connection: Where its holder can be told of a cancel at any time. `nil` keeps the one that the run has.
    public func writer(
        session: SessionID, run: RunID, token: String, by participant: Participant, mailbox: Mailbox,
        connection: HolderConnection?
    ) -> RunWriter? {
        guard (try? Access.require(.work, of: participant)) != nil, let live = directory.live(session) else {
            return nil
        }
        let holder = live.state.withLock { state in
            let holder = state.machine.holder(ofActive: run, token: token)
            if holder != nil, let connection, state.leases[run]?.holder !== connection {
                remind(connection, of: run, &state)
            }
            return holder
        }
        return holder.map { RunWriter(live, holder: $0, mailbox: mailbox, connection: connection) }
    }

    /// Appends to a part of the run. The receipt comes to the connection when all that it rests on is durable. After the last of
    /// those that came together, ``appended()`` has to be called.
    ///
    /// - Returns: False, with nothing done, where this is not the usual case: perform it as any other write then.
    public func append(
        _ frame: AppendFrame, in bytes: UnsafeBufferPointer<UInt8>, by writer: RunWriter
    ) -> Bool {
        guard isReady else { return false }
        let now = environment.now()
        let monotonic = environment.monotonic()
        let live = writer.live
        let isTaken = live.state.withLock { state in
            guard state.retirement == nil,
                writer.connection != nil || !state.machine.hasPendingCommands(writer.holder),
                state.machine.append(frame, in: bytes, by: writer.holder, cursor: &writer.cursor, at: now)
            else { return false }
            state.touched = monotonic
            state.setLease(
                .init(
                    deadline: monotonic + writer.holder.leaseMilliseconds,
                    milliseconds: writer.holder.leaseMilliseconds,
                    holder: writer.connection ?? state.leases[writer.run]?.holder), of: writer.run)
            alarms.set(for: live, &state)
            if let emission = state.machine.drain() { submit(emission, of: live, &state, isDeferred: true) }
            let receipt = WriteReceipt(
                writer: writer, number: frame.number, tail: state.machine.tail, bytes: bytes.count)
            state.waiters.append((state.decidedTicket, .writer(receipt)))
            return true
        }
        if isTaken { metrics.operations.increment() }
        return isTaken
    }

    /// Lets the appends that came together be committed.
    public func appended() { store.commitDeferred() }
}
