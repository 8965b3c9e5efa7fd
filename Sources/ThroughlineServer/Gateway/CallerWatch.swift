import Hummingbird
import HummingbirdCore
import NIOCore
import Synchronization

/// Notices that the caller of a request has gone, from now until ``finish()``.
///
/// The connection serves no other request afterwards, so the answer has to say `Connection: close`.
final class CallerWatch: Sendable {
    private let state = Mutex(State())
    private let done = AsyncStream<Never>.makeStream()

    private struct State {
        var isGone = false
        var waiter: CheckedContinuation<Void, Never>?

        mutating func take() -> CheckedContinuation<Void, Never>? {
            defer { waiter = nil }
            return waiter
        }
    }

    /// - Parameter request: One whose body was read and put back.
    init(_ request: Request) {
        let body = request.body
        let stream = done.stream
        let leave: @Sendable () -> Void = { [weak self] in self?.leave() }
        Task {
            try? await body.consumeWithInboundCloseHandler({ _ in for await _ in stream {} }, onInboundClosed: leave)
        }
    }

    deinit { done.continuation.finish() }

    func finish() { done.continuation.finish() }

    private func leave() {
        state.withLock { state in
            state.isGone = true
            return state.take()
        }?.resume()
    }

    /// Does something as long as the caller is there; cancels it and throws when not. One at a time.
    func whilePresent<Value: Sendable>(_ operation: @escaping @Sendable () async throws -> Value) async throws -> Value {
        try await withThrowingTaskGroup(of: Value.self) { group in
            group.addTask { try await operation() }
            group.addTask { [self] in
                await untilGone()
                throw CancellationError()
            }
            defer { group.cancelAll() }
            guard let value = try await group.next() else { throw CancellationError() }
            return value
        }
    }

    private func untilGone() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.isGone || Task.isCancelled { return true }
                    state.waiter = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.take() }?.resume()
        }
    }
}
