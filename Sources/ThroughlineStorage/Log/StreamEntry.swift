import ThroughlineCore

/// What the index keeps of one stream: about 150 bytes when nothing of it is in the log.
///
/// `@unchecked Sendable` is true because all but the decided state is only touched under the lock of the ``StreamIndex``;
/// the decided state is the writer's alone.
final class StreamEntry: @unchecked Sendable {
    enum State: UInt8 {
        /// Named by an append that is not durable yet.
        case absent
        case live
        case erased
        /// Something of it has a bad checksum.
        case damaged
    }

    var state: State
    var tail: UInt64
    /// What stands in the log and not yet in SQLite, in order.
    var stretches: [Stretch] = []
    /// The latest summary while the log number it came with has not moved; then SQLite has it.
    var summary: [UInt8]?
    var summaryLog: UInt64 = 0

    /// What the writer has decided, durable or not.
    var decidedTail: UInt64
    var isDecidedErased: Bool

    init(state: State = .absent, tail: UInt64 = 0) {
        self.state = state
        self.tail = tail
        decidedTail = tail
        isDecidedErased = state == .erased
    }

    /// Forgets decisions that did not become durable.
    func resetDecisions() {
        decidedTail = tail
        isDecidedErased = state == .erased
    }

    func erase() {
        state = .erased
        tail = 0
        stretches = []
        summary = nil
    }
}
