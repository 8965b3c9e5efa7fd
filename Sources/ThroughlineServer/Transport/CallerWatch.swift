import NIOCore
import Synchronization

/// Notices that the caller of a request has gone.
final class CallerWatch: Sendable {
    /// The connection of the request at hand. Unset where there is none, as in tests of the router.
    @TaskLocal static var connection: (any Channel)?

    private let connection = CallerWatch.connection
    private let handlerName = "CallerWatch-\(UInt64.random(in: 0 ... .max))"
    private let state = Mutex(State())

    private struct State {
        var isGone = false
        var waiter: CheckedContinuation<Void, Never>?

        mutating func take() -> CheckedContinuation<Void, Never>? {
            defer { waiter = nil }
            return waiter
        }
    }

    init() {
        guard let connection else { return }
        let leave: @Sendable () -> Void = { [weak self] in self?.leave() }
        let name = handlerName
        connection.eventLoop.execute {
            guard connection.isActive else { return leave() }
            try? connection.pipeline.syncOperations.addHandler(CallerHandler(leave), name: name, position: .first)
        }
    }

    deinit {
        guard let connection else { return }
        connection.pipeline.removeHandler(name: handlerName, promise: nil)
    }

    private func leave() {
        state.withLock { state in
            state.isGone = true
            return state.take()
        }?.resume()
    }

    /// Does something as long as the caller is there; cancels it and throws when not. One at a time.
    func whilePresent<Value: Sendable>(_ operation: @escaping @Sendable () async throws -> Value) async throws -> Value
    {
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

/// Sees the end of what a connection's other side sends, and that of the connection.
private final class CallerHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let leave: @Sendable () -> Void

    init(_ leave: @escaping @Sendable () -> Void) { self.leave = leave }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent { leave() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }
}
