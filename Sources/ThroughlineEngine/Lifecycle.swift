import Logging
import Synchronization
import ThroughlineCore

/// Whether operations are taken, and what happens when the disk fails: the same for sessions and durable streams.
final class Lifecycle: Sendable {
    enum Phase: UInt8, AtomicRepresentable { case starting, ready, stopping }

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
        }
    }

    func onStoreFailure(_ handler: @escaping @Sendable (String) -> Void) {
        failureHandler.withLock { $0.run = handler }
    }

    func storeFailed(_ reason: String) {
        logger.critical("the store failed; stopping", metadata: ["tl.reason": "\(reason)"])
        failureHandler.withLock { $0 }.run(reason)
    }
}
