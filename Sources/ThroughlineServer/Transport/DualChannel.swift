import HTTPTypes
import Hummingbird
package import HummingbirdCore
package import Logging
package import NIOCore
import NIOHTTP1
package import NIOHTTPTypes
import NIOHTTPTypesHTTP1
package import NIOWebSocket

/// One port for HTTP and WebSocket.
///
/// The first head of a connection decides. A WebSocket becomes a plain handler on its event loop, with no task; anything else
/// gets Hummingbird's own HTTP pipeline. An upgrade works only as the first request of a connection (swift-nio issue 680).
package struct DualChannel: HTTPChannelHandler {
    package typealias HTTP = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

    package struct Value: ServerChildChannelValue {
        package let channel: any Channel
        /// Known after the first head; `nil` for a WebSocket. A channel reads only once it is set up, so this cannot be waited
        /// for there.
        let http: EventLoopFuture<HTTP?>
    }

    package let responder: HTTPChannelHandler.Responder
    let limits: TransportLimits
    let upgrader: @Sendable () -> NIOWebSocketServerUpgrader

    package init(
        responder: @escaping HTTPChannelHandler.Responder, limits: TransportLimits,
        upgrader: @escaping @Sendable () -> NIOWebSocketServerUpgrader
    ) {
        self.responder = responder
        self.limits = limits
        self.upgrader = upgrader
    }

    package func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        let promise = channel.eventLoop.makePromise(of: HTTP?.self)
        let limits = limits
        let upgrader = upgrader
        let prepared = channel.eventLoop.makeCompletedFuture {
            _ = channel.setOption(.socketOption(.so_sndbuf), value: .init(limits.sendBufferBytes))
            _ = channel.setOption(.tcpOption(.tcp_nodelay), value: 1)
            _ = channel.setOption(
                .writeBufferWaterMark, value: .init(low: limits.outboundBytes / 2, high: limits.outboundBytes))
            let plain = PlainWriter()
            let first = FirstRequestHandler(promise: promise, plain: plain, limits: limits, logger: logger)
            var decoder = NIOHTTPDecoderLimitConfiguration()
            decoder.maxHeaderFieldSize = limits.headerBytes
            decoder.maxHeaderListSize = limits.headerBytes
            decoder.maxHeaderFieldCount = limits.headerCount
            let bound = NIOLoopBound(first, eventLoop: channel.eventLoop)
            try channel.pipeline.syncOperations.addHandler(plain)
            try channel.pipeline.syncOperations.configureHTTPServerPipeline(
                withPipeliningAssistance: false,
                withServerUpgrade: (
                    upgraders: [upgrader()],
                    completionHandler: { context in bound.value.upgraded(context.channel) }
                ),
                withErrorHandling: false,
                withOutboundHeaderValidation: false,
                withEncoderConfiguration: .init(),
                withDecoderLimitConfiguration: decoder)
            try channel.pipeline.syncOperations.addHandler(first)
        }
        prepared.whenFailure { promise.fail($0) }
        return prepared.map { Value(channel: channel, http: promise.futureResult) }
    }

    package func handle(value: Value, logger: Logger) async {
        // A connection that ends before its first head has nothing to be handled.
        guard let http = try? await value.http.get() else { return }
        await CallerWatch.$connection.withValue(value.channel) { await handleHTTP(asyncChannel: http, logger: logger) }
    }
}

/// Waits for the first head of a connection that is no upgrade, and installs the HTTP pipeline then.
private final class FirstRequestHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    private var promise: EventLoopPromise<DualChannel.HTTP?>?
    private let plain: PlainWriter
    private let limits: TransportLimits
    private let logger: Logger
    private var deadline: Scheduled<Void>?

    init(
        promise: EventLoopPromise<DualChannel.HTTP?>, plain: PlainWriter, limits: TransportLimits, logger: Logger
    ) {
        self.promise = promise
        self.plain = plain
        self.limits = limits
        self.logger = logger
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        deadline = context.eventLoop.scheduleTask(in: limits.headTime) { channel.close(promise: nil) }
    }

    func upgraded(_ channel: any Channel) {
        finish { .success(nil) }
        channel.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard promise != nil else { return context.fireChannelRead(data) }
        let pipeline = context.pipeline.syncOperations
        finish {
            Result {
                try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: false))
                try pipeline.addHandler(
                    HTTPConnectionStateHandler(
                        idleTimeout: .nanoseconds(limits.idleTime.nanoseconds), logger: logger))
                return try DualChannel.HTTP(
                    wrappingChannelSynchronously: context.channel,
                    configuration: .init(isOutboundHalfClosureEnabled: true))
            }
        }
        context.fireChannelRead(data)
        pipeline.removeHandler(self, promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard promise != nil else { return context.fireErrorCaught(error) }
        // A refused upgrade is an ordinary request: its head comes next.
        if error is NIOWebSocketUpgradeError || error is HTTPServerUpgradeErrors { return }
        finish { .failure(error) }
        guard error is HTTPParserError else { return context.close(promise: nil) }
        plain.writeAndFlush(
            ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"))
        context.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent, promise != nil { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish { .failure(ChannelError.eof) }
        context.fireChannelInactive()
    }

    private func finish(_ result: () -> Result<DualChannel.HTTP?, any Error>) {
        guard let promise else { return }
        self.promise = nil
        deadline?.cancel()
        promise.completeWith(result())
    }
}
