import Logging
import Synchronization
import ThroughlineCore

/// When a session's state is kept, so that it need not be replayed.
enum CheckpointRule {
    /// A session that leaves memory is worth one from so many events since the last.
    static let eventsWhenLeaving: UInt64 = 256
    /// One that stays is worth one from so many: about three milliseconds of replaying.
    static let eventsWhileLoaded = 1_000
    /// When the state has not grown enough for one, it is looked at again after so many.
    static let eventsUntilNextLook = 256
    /// About what an event without its text takes in the log.
    static let bytesOfEvent = 150
    /// The shortest pause between two, and how much of the disk they may take, all sessions together: 8 MB a second.
    static let pauseMilliseconds: Int64 = 10
    static let bytesPerMillisecond = 8_000
    /// How many of those that had to wait for that are made at each look at the loaded sessions.
    static let lateAtOnce = 8
}

/// How far a session's checkpoints have come.
struct CheckpointProgress {
    /// The last event of the one that was asked for last, and about how large that was.
    private(set) var sequence: SequenceNumber
    private var bytes: Int
    /// Nothing is due before this event.
    private(set) var next: SequenceNumber

    init(at sequence: SequenceNumber, bytes: Int) {
        self.sequence = sequence
        self.bytes = bytes
        next = sequence.advanced(by: CheckpointRule.eventsWhileLoaded)
    }

    /// Whether a state of so many bytes is worth a checkpoint: what was written since is a quarter of it at least, so that all
    /// checkpoints of a session together cost a few times what its events did.
    mutating func isDue(_ size: Int, at tail: SequenceNumber) -> Bool {
        let events = Int(tail.rawValue - sequence.rawValue)
        if 4 * (size - bytes + events * CheckpointRule.bytesOfEvent) >= size { return true }
        next = tail.advanced(by: CheckpointRule.eventsUntilNextLook)
        return false
    }
}

extension Engine {
    /// The session as its checkpoint and the first records behind it tell it, and the event that the checkpoint is of; `nil`
    /// where there is none that fits.
    func loadFromCheckpoint(_ id: SessionID) -> (machine: SessionMachine, of: SequenceNumber)? {
        let stream = StreamID(id)
        guard case .live(let tail) = store.status(of: stream), tail.rawValue >= CheckpointRule.eventsWhenLeaving else {
            return nil
        }
        do throws(StoreError) {
            guard let checkpoint = try store.checkpoint(of: stream), checkpoint.sequence > .zero else { return nil }
            // From the event before, so that the notes behind the checkpoint's own event come too.
            let records = try store.read(
                stream, after: SequenceNumber(checkpoint.sequence.rawValue - 1), limit: ReadLimit(bytes: 4 << 20))
            if let event = records.first,
                var machine = SessionMachine(checkpoint: checkpoint.bytes, at: event, limits: configuration.session),
                machine.catchUp(with: records[...])
            {
                return (machine, checkpoint.sequence)
            }
        } catch {
            logger.warning(
                "a checkpoint cannot be read", metadata: ["tl.session.id": "\(id)", "tl.reason": "\(error)"])
            return nil
        }
        logger.info("a checkpoint does not fit and is not used", metadata: ["tl.session.id": "\(id)"])
        return nil
    }

    /// The state to keep, if one is due now, of a session whose lock is held; it has to become durable first.
    ///
    /// - Parameter isPaced: Not while the pause after another session's lasts.
    func dueCheckpoint(of state: inout LiveSession.State, isPaced: Bool = true) -> SessionMachine? {
        let tail = state.machine.tail
        guard tail >= state.checkpoints.next,
            !isPaced || state.touched >= nextCheckpoint.load(ordering: .relaxed), store.takesCheckpoints
        else { return nil }
        let size = state.machine.estimatedBytes
        guard state.checkpoints.isDue(size, at: tail) else { return nil }
        let pause = max(CheckpointRule.pauseMilliseconds, Int64(size / CheckpointRule.bytesPerMillisecond))
        nextCheckpoint.store(state.touched + pause, ordering: .relaxed)
        state.checkpoints = CheckpointProgress(at: tail, bytes: size)
        return state.machine
    }

    /// Keeps the states that were due while others had their turn: of sessions that were written fast and are quiet now.
    func checkpointLate() {
        var count = 0
        for live in directory.allLive where count < CheckpointRule.lateAtOnce {
            let machine: SessionMachine? = live.state.withLock { state in
                guard state.durableTicket == state.decidedTicket, state.retirement == nil else { return nil }
                return dueCheckpoint(of: &state, isPaced: false)
            }
            guard let machine else { continue }
            count += 1
            saveCheckpoint(machine)
        }
    }

    /// Keeps the state of a session that leaves memory, if that saves enough.
    func checkpointLeaving(_ machine: SessionMachine, since checkpointed: SequenceNumber) {
        guard machine.tail.rawValue - checkpointed.rawValue >= CheckpointRule.eventsWhenLeaving else { return }
        saveCheckpoint(machine)
    }

    /// Makes the checkpoint of a durable state on a thread for such things.
    func saveCheckpoint(_ machine: SessionMachine) {
        pool.run(for: machine.info.id) { [self] in
            let stream = StreamID(machine.info.id)
            let before = SequenceNumber(machine.tail.rawValue - 1)
            guard store.takesCheckpoints,
                let event = try? store.read(stream, after: before, limit: ReadLimit(records: 1)).first,
                event.kind == .event, event.sequence == machine.tail
            else { return }
            store.saveCheckpoint(Checkpoint(sequence: machine.tail, bytes: machine.checkpoint(at: event)), of: stream)
            metrics.checkpoints.increment()
        }
    }
}
