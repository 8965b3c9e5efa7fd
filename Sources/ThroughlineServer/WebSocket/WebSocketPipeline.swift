package import NIOCore
package import NIOHTTP1

/// Puts a WebSocket into a channel of ``DualChannel``, with a consumer behind it.
package struct WebSocketPipeline: Sendable {
    let limits: TransportLimits
    let answer: @Sendable (HTTPRequestHead) -> HTTPHeaders?
    let makeConsumer: @Sendable (HTTPRequestHead, any EventLoop) -> any WebSocketConsumer

    /// - Parameter answer: The headers of the answer to an upgrade; `nil` leaves the request to the router.
    package init(
        limits: TransportLimits, answer: @escaping @Sendable (HTTPRequestHead) -> HTTPHeaders?,
        makeConsumer: @escaping @Sendable (HTTPRequestHead, any EventLoop) -> any WebSocketConsumer
    ) {
        self.limits = limits
        self.answer = answer
        self.makeConsumer = makeConsumer
    }

    package func makeUpgrader() -> WebSocketUpgrader { WebSocketUpgrader(answer: answer, install: install) }

    @Sendable
    private func install(on channel: any Channel, _ head: HTTPRequestHead) throws {
        let plain = try channel.pipeline.syncOperations.handler(type: PlainWriter.self)
        let consumer = makeConsumer(head, channel.eventLoop)
        try channel.pipeline.syncOperations.addHandler(
            WebSocketHandler(consumer: consumer, plain: plain, limits: limits))
    }
}
