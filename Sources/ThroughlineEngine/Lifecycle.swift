import Logging
import Synchronization
import ThroughlineCore

/// Whether operations are taken, and what happens when the disk fails: the same for sessions and durable streams.
final class Lifecycle: Sendable {
    enum Phase: UInt8, AtomicRepresentable { case starting, ready, stopping, failed }

    private let phase = Atomic(Phase.starting)
    private let failureHandler = Mutex(FailureHandler())
    private let logger: Logger

    private struct FailureHandler {
        var run: @Sendable (String) -> Void = { _ in }
    }

    init(logger: Logger) { self.logger = logger }

    var isReady: Bool { phase.load(ordering: .acquiring) == .ready }

    func enter(_ phase: Phase) { self.phase.store(phase, ordering: .releasing) }

    func requireReady() throws(Refusal) {
        switch phase.load(ordering: .acquiring) {
        case .ready: return
        case .starting: throw Refusal(.stopping, "The server is starting. Try again in a moment.")
        case .stopping: throw Refusal(.stopping, "The server is stopping. Connect again in a moment.")
        case .failed: throw Refusal(.storageFailed, "The disk failed, and the server stops. See the server's log.")
        }
    }

    func onStoreFailure(_ handler: @escaping @Sendable (String) -> Void) {
        failureHandler.withLock { $0.run = handler }
    }

    /// From now on nothing is answered: what can be read of a disk that failed need not be what is there after the next start.
    func storeFailed(_ reason: String) {
        guard phase.exchange(.failed, ordering: .acquiringAndReleasing) != .failed else { return }
        logger.critical("the store failed; stopping", metadata: ["tl.reason": "\(reason)"])
        failureHandler.withLock { $0 }.run(reason)
    }
}
