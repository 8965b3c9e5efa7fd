import NIOCore
import Synchronization
import ThroughlineEngine

/// Wakes the one task that sends a stream's events. A signal raised meanwhile is not lost.
final class FeedSignal: Sendable {
    enum Outcome: Sendable { case more, silence, over }

    private struct State {
        var isRaised = false
        var isOver = false
        var waiting: CheckedContinuation<Outcome, Never>?

        mutating func take() -> CheckedContinuation<Outcome, Never>? {
            defer { waiting = nil }
            return waiting
        }
    }

    private let state = Mutex(State())

    func raise() { resume(.more) { $0.isRaised = true } }

    /// The time for all of it is up.
    func end() { resume(.over) { $0.isOver = true } }

    private func resume(_ outcome: Outcome, otherwise note: (inout State) -> Void) {
        let waiting = state.withLock { state in
            let waiting = state.take()
            if waiting == nil { note(&state) }
            return waiting
        }
        waiting?.resume(returning: outcome)
    }

    func wait(within time: TimeAmount, _ service: StreamService) async -> Outcome {
        let timer = service.engine.schedule(in: time) { [self] in resume(.silence) { _ in } }
        defer { timer.cancel() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let outcome: Outcome? = state.withLock { state in
                    if state.isOver || Task.isCancelled { return .over }
                    if state.isRaised {
                        state.isRaised = false
                        return .more
                    }
                    state.waiting = continuation
                    return nil
                }
                if let outcome { continuation.resume(returning: outcome) }
            }
        } onCancel: {
            resume(.over) { _ in }
        }
    }
}
