import Logging
import Synchronization
import ThroughlineCore

/// When a session's state is kept, so that it need not be replayed.
enum CheckpointRule {
    /// A session that leaves memory is worth one from so many events since the last.
    static let eventsWhenLeaving: UInt64 = 256
    /// One that stays is worth one from so many, and as soon as they are about as large as the state: so all checkpoints of
    /// a session together cost no more than its events did.
    static let eventsWhileLoaded: UInt64 = 2_000
    static let bytesOfEvent: UInt64 = 128
    /// Never more often than this, all sessions together.
    static let pauseMilliseconds: Int64 = 10
}

extension Engine {
    /// The session as its checkpoint and the records behind it tell it; `nil` where there is none that fits.
    func loadFromCheckpoint(_ id: SessionID) -> SessionMachine? {
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
                return machine
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
    func dueCheckpoint(of state: inout LiveSession.State) -> SessionMachine? {
        let events = state.machine.tail.rawValue - state.checkpointed.rawValue
        guard events >= CheckpointRule.eventsWhileLoaded,
            events * CheckpointRule.bytesOfEvent >= UInt64(state.machine.estimatedBytes),
            state.touched >= nextCheckpoint.load(ordering: .relaxed), store.takesCheckpoints
        else { return nil }
        nextCheckpoint.store(state.touched + CheckpointRule.pauseMilliseconds, ordering: .relaxed)
        state.checkpointed = state.machine.tail
        return state.machine
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
