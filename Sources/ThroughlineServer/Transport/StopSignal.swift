import Synchronization

/// Tells long answers that the server stops.
final class StopSignal: Sendable {
    private struct State {
        var isStopping = false
        var next = 0
        var listeners: [Int: @Sendable () -> Void] = [:]
    }

    private let state = Mutex(State())

    var isStopping: Bool { state.withLock { $0.isStopping } }

    func stop() {
        let listeners = state.withLock { state in
            state.isStopping = true
            defer { state.listeners = [:] }
            return Array(state.listeners.values)
        }
        for listener in listeners { listener() }
    }

    /// Runs what may take long, and cancels it when the server stops; `nil` then.
    func whileRunning<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) async rethrows -> Value? {
        guard !isStopping else { return nil }
        let task = Task { try await body() }
        let number = listen { task.cancel() }
        defer { forget(number) }
        let value = try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
        return isStopping ? nil : value
    }

    /// Calls a listener when the server stops, at once if it does already. ``forget(_:)`` takes the number.
    func listen(_ listener: @escaping @Sendable () -> Void) -> Int {
        let (number, isLate) = state.withLock { state in
            state.next += 1
            if !state.isStopping { state.listeners[state.next] = listener }
            return (state.next, state.isStopping)
        }
        if isLate { listener() }
        return number
    }

    func forget(_ number: Int) { state.withLock { $0.listeners[number] = nil } }
}
