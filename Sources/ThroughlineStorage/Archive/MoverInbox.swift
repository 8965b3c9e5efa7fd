import ThroughlineCore

/// An erasure whose tombstone is durable and whose bytes are still there.
struct PendingErasure: Sendable {
    var stream: StreamID
    /// The commit with the tombstone: when all up to it has moved, the bytes can be dealt with.
    var commit: UInt64
    var completion: LogCompletion
}

/// What the writer hands to the mover.
final class MoverInbox: Sendable {
    fileprivate struct State {
        /// Segments that are written to their end, oldest first.
        var sealed: [Segment] = []
        var erasures: [PendingErasure] = []
        var isClosing = false
        /// The newest of each stream, and their size altogether.
        var checkpoints: [StreamID: Checkpoint] = [:]
        var checkpointBytes = 0
        /// A segment has moved since checkpoints were last written: now it is their turn.
        var hasMoved = false
        var isStopping = false
        /// Streams whose oldest events may go, and up to which number.
        var trims: [StreamID: UInt64] = [:]
        /// The same in the order in which they are looked at.
        var trimOrder: [StreamID] = []
        /// So many of them have not been looked at since there was something new.
        var untried = 0
        /// A segment has moved since: now it is their turn.
        var hasMovedSinceTrim = false
        /// Streams that are being thinned, in turns.
        var thinnings: [PendingThinning] = []
    }

    /// What the mover does next.
    enum Work {
        case move(Segment)
        /// Everything these rest on has moved.
        case finish([PendingErasure])
        case save([PendingCheckpoint])
        case trim([PendingTrim])
        case thin(PendingThinning)
        case stop
    }

    private let monitor = Monitor(State())

    func add(sealed segment: Segment) { monitor.change { $0.sealed.append(segment) } }
    func add(_ erasure: PendingErasure) { monitor.change { $0.erasures.append(erasure) } }
    func stop() { monitor.change { $0.isStopping = true } }

    /// The store is closing: what cannot be done now is given up.
    func hurry() { monitor.change { $0.isClosing = true } }

    /// Waits for work.
    ///
    /// - Parameters:
    ///   - moved: The last commit that has moved.
    ///   - isUnsettled: What was moved last is not quite over: that is work too, whether or not anybody waits for it.
    func next(moved: UInt64, isUnsettled: Bool) -> Work {
        monitor.wait { $0.next(moved: moved, isUnsettled) }
    }

    /// The same without waiting.
    func nextNow(moved: UInt64, isUnsettled: Bool) -> Work? { monitor.withLock { $0.next(moved: moved, isUnsettled) } }

    /// Takes a stream that is to be thinned, or the rest of it. False when the store is closing.
    func add(_ thinning: PendingThinning) -> Bool {
        monitor.change { state in
            if state.isClosing || state.isStopping { return false }
            state.thinnings.append(thinning)
            return true
        }
    }

    func takeThinnings() -> [PendingThinning] {
        monitor.withLock { state in
            defer { state.thinnings = [] }
            return state.thinnings
        }
    }

    /// The first sealed segment is done with.
    func removeFirst() {
        monitor.change { state in
            state.sealed.removeFirst()
            state.hasMoved = true
            state.hasMovedSinceTrim = true
            state.untried = state.trimOrder.count
        }
    }

    /// Takes a stream whose oldest events may go, perhaps once more.
    ///
    /// - Parameter isNew: False: it cannot be done before another segment has moved.
    func add(_ trim: PendingTrim, isNew: Bool = true) {
        monitor.change { state in
            if state.trims[trim.stream] == nil { state.trimOrder.append(trim.stream) }
            state.trims[trim.stream] = max(state.trims[trim.stream] ?? 0, trim.last)
            if isNew { state.untried = state.trimOrder.count }
        }
    }

    /// Checkpoints of so many bytes wait at most, and one more.
    private static let maximumCheckpointBytes = 8 << 20

    /// False once enough are waiting.
    var takesCheckpoints: Bool { monitor.withLock { $0.checkpointBytes < Self.maximumCheckpointBytes } }

    /// Takes a checkpoint in place of the stream's last, unless too many wait.
    func add(_ pending: PendingCheckpoint) {
        monitor.change { state in
            guard state.checkpointBytes < Self.maximumCheckpointBytes else { return }
            let old = state.checkpoints.updateValue(pending.checkpoint, forKey: pending.stream)
            state.checkpointBytes += pending.checkpoint.bytes.count - (old?.bytes.count ?? 0)
        }
    }

    func remove(_ erasures: [PendingErasure]) {
        monitor.change {
            $0.erasures.removeAll { one in erasures.contains { $0.commit == one.commit && $0.stream == one.stream } }
        }
    }

    /// Waits a while after a failure, but not when there is something to give up because the store is closing: that is
    /// taken out.
    func pause(milliseconds: Int) -> [PendingErasure] {
        monitor.wait(milliseconds: milliseconds) { $0.isStopping || $0.isClosing && !$0.erasures.isEmpty }
        return monitor.withLock { state in
            guard state.isClosing else { return [] }
            defer { state.erasures = [] }
            return state.erasures
        }
    }
}

extension MoverInbox.State {
    fileprivate mutating func next(moved: UInt64, _ isUnsettled: Bool) -> MoverInbox.Work? {
        let ready = erasures.filter { $0.commit <= moved }
        if !ready.isEmpty || isUnsettled && !isStopping { return .finish(ready) }
        if mayCheckpoint { return .save(takeCheckpoints()) }
        if isStopping, erasures.isEmpty { return .stop }
        if sealed.isEmpty || hasMovedSinceTrim {
            if untried > 0 { return .trim(takeTrims()) }
            if !thinnings.isEmpty {
                hasMovedSinceTrim = false
                return .thin(thinnings.removeFirst())
            }
        }
        return sealed.first.map { .move($0) }
    }

    /// Looked at in one step.
    private static let trimsAtOnce = 256

    fileprivate mutating func takeTrims() -> [PendingTrim] {
        let streams = trimOrder.prefix(Self.trimsAtOnce)
        trimOrder.removeFirst(streams.count)
        untried = max(0, untried - streams.count)
        hasMovedSinceTrim = false
        return streams.compactMap { stream in
            trims.removeValue(forKey: stream).map { PendingTrim(stream: stream, last: $0) }
        }
    }

    /// Between two segments, not before a segment that waits already.
    fileprivate var mayCheckpoint: Bool { !checkpoints.isEmpty && (sealed.isEmpty || hasMoved) }

    fileprivate mutating func takeCheckpoints() -> [PendingCheckpoint] {
        defer {
            checkpoints = [:]
            checkpointBytes = 0
            hasMoved = false
        }
        return checkpoints.map { PendingCheckpoint(stream: $0, checkpoint: $1) }
    }
}
