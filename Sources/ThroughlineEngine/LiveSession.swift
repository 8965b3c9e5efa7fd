import DequeModule
import NIOCore
import Synchronization
import ThroughlineCore

/// One session in memory: its machine behind a lock, what waits for the disk, and who reads.
///
/// An operation asks the machine, hands what it emitted to the store while the lock is held (so that the order in the log is
/// the order of the decisions), lets go, and is answered when all that the answer rests on is durable.
final class LiveSession: Sendable {
    /// What becomes of operations and readers that reach an object which is no longer the session.
    enum Retirement: Sendable { case reload, erased }

    /// How long a run is left to its holder, or to its pause.
    struct Lease {
        var deadline: Int64
        var milliseconds: Int64
        /// The connection to tell of a cancel, where the holder has one.
        var holder: HolderConnection?
    }

    /// Who is told when an append is durable, or was dropped.
    enum Waiter {
        case closure(@Sendable (Refusal?) -> Void)
        case writer(WriteReceipt)
    }

    struct State {
        var machine: SessionMachine
        var window: EventWindow
        var durable: SequenceNumber
        /// Appends handed to the store, and those of them that came back.
        var decidedTicket: UInt64 = 0
        var durableTicket: UInt64 = 0
        var waiters: Deque<(ticket: UInt64, waiter: Waiter)> = []
        var readers = ReaderGroups<Subscription>()
        var leases: [RunID: Lease] = [:]
        /// Before this time of the monotonic clock, in milliseconds, no lease of this session runs out and no timer is due.
        var due = Int64.max
        /// When this session is looked at next; see ``Alarms``.
        var alarm = Int64.max
        var slice: EventSlice?
        /// The same for those who may not see all.
        var filtered: [Audience: EventSlice] = [:]
        /// The last whole snapshot, for all who join before the next event.
        var snapshot: (tail: SequenceNumber, bytes: [UInt8])?
        var retirement: Retirement?
        /// It was erased, and everybody who waited for that was told.
        var isGone = false
        var touched: Int64
        var checkpoints: CheckpointProgress
    }

    /// Smaller snapshots are made again for each who joins: it costs less than to keep them.
    static let keptSnapshotBytes = 32 << 10

    let id: SessionID
    let stream: StreamID
    let state: Mutex<State>

    init(machine: SessionMachine, durable: SequenceNumber, checkpointed: SequenceNumber = .zero, now: Int64) {
        id = machine.info.id
        stream = StreamID(machine.info.id)
        state = Mutex(
            State(
                machine: machine, window: EventWindow(after: durable), durable: durable, touched: now,
                checkpoints: CheckpointProgress(
                    at: checkpointed, bytes: checkpointed > .zero ? machine.estimatedBytes : 0)))
    }

    var tail: SequenceNumber { state.withLock { $0.durable } }
}

extension LiveSession.State {
    /// From now on this object is the session no longer. Who still holds it holds next to nothing.
    mutating func retire(_ retirement: LiveSession.Retirement) {
        self.retirement = retirement
        machine.forgetAll()
        window = EventWindow(after: durable)
        slice = nil
        filtered = [:]
        snapshot = nil
    }

    mutating func setLease(_ lease: LiveSession.Lease, of run: RunID) {
        leases[run] = lease
        due = min(due, lease.deadline)
    }

    /// A queued run is not given out before this time.
    mutating func setPause(of run: RunID, until deadline: Int64) {
        setLease(.init(deadline: deadline, milliseconds: 0), of: run)
    }

    /// Sees to it that the machine is woken when its next timer is due.
    mutating func setWakeUp(_ now: EngineTime) {
        guard let time = machine.nextWakeUp else { return }
        due = min(due, now.monotonic(of: time))
    }

    /// The runs whose lease has run out, and whether the machine has something to do.
    mutating func takeDue(_ now: EngineTime) -> (expired: [RunID], wakes: Bool) {
        due = leases.values.lazy.map(\.deadline).filter { $0 > now.monotonic }.min() ?? .max
        let wakes = machine.nextWakeUp.map { $0 <= now.wall } ?? false
        if !wakes { setWakeUp(now) }
        return (leases.filter { $0.value.deadline <= now.monotonic }.map(\.key), wakes)
    }

    /// The state after the last event decided, as JSON.
    mutating func snapshot(_ page: SnapshotPage) throws(Refusal) -> [UInt8] {
        var page = page
        if machine.restricted.isEmpty { page.clearance = .operators }
        if page.isWhole, let snapshot, snapshot.tail == machine.tail { return snapshot.bytes }
        let bytes = try machine.snapshot(page)
        if page.isWhole, bytes.count >= LiveSession.keptSnapshotBytes { snapshot = (machine.tail, bytes) }
        return bytes
    }
}
