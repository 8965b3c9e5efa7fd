import HTTPTypes
import Hummingbird
package import HummingbirdCore
package import Logging
package import NIOCore
import NIOHTTP1
package import NIOHTTPTypes
import NIOHTTPTypesHTTP1

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
    let upgrader: @Sendable () -> WebSocketUpgrader
    let door: DirectDoor?

    package init(
        responder: @escaping HTTPChannelHandler.Responder, limits: TransportLimits,
        upgrader: @escaping @Sendable () -> WebSocketUpgrader, door: DirectDoor? = nil
    ) {
        self.door = door
        self.responder = responder
        self.limits = limits
        self.upgrader = upgrader
    }

    package func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        let promise = channel.eventLoop.makePromise(of: HTTP?.self)
        let limits = limits
        let upgrader = upgrader
        let door = door
        let prepared = channel.eventLoop.makeCompletedFuture {
            _ = channel.setOption(.socketOption(.so_sndbuf), value: .init(limits.sendBufferBytes))
            _ = channel.setOption(.tcpOption(.tcp_nodelay), value: 1)
            _ = channel.setOption(
                .writeBufferWaterMark, value: .init(low: limits.outboundBytes / 2, high: limits.outboundBytes))
            let plain = PlainWriter()
            let direct = door.map { DirectConnection(door: $0, plain: plain, channel: channel) }
            let first = FirstRequestHandler(
                promise: promise, plain: plain, direct: direct, limits: limits, logger: logger)
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

/// Waits for the first head of a connection that is no upgrade and is not served directly, and installs the HTTP pipeline then.
private final class FirstRequestHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private var promise: EventLoopPromise<DualChannel.HTTP?>?
    private let plain: PlainWriter
    /// Serves the connection for as long as it is set.
    private var direct: DirectConnection?
    private var hasServed = false
    private var wantsRead = false
    private let limits: TransportLimits
    private let logger: Logger
    private var deadline: Scheduled<Void>?

    init(
        promise: EventLoopPromise<DualChannel.HTTP?>, plain: PlainWriter, direct: DirectConnection?,
        limits: TransportLimits, logger: Logger
    ) {
        self.promise = promise
        self.plain = plain
        self.direct = direct
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
        let part = unwrapInboundIn(data)
        if let direct {
            if direct.take(part) { return serveDirectly(direct, context) }
            self.direct = nil
        }
        install(context)
        context.fireChannelRead(data)
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    /// The connection stays here until something else is asked for.
    private func serveDirectly(_ direct: DirectConnection, _ context: ChannelHandlerContext) {
        guard !hasServed else { return }
        hasServed = true
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        direct.onOther = { parts in
            let (handler, context) = bound.value
            handler.direct = nil
            handler.install(context)
            for part in parts { context.fireChannelRead(handler.wrapInboundOut(part)) }
            context.fireChannelReadComplete()
            handler.readOn(context)
        }
        direct.onIdle = {
            let (handler, context) = bound.value
            handler.readOn(context)
        }
        deadline?.cancel()
        watch(context)
    }

    /// Closes the connection when nothing has come for too long. One timer, looked at when it ends: not one a request.
    private func watch(_ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        deadline = context.eventLoop.scheduleTask(in: limits.bodyTime) {
            let (handler, context) = bound.value
            guard handler.promise != nil, let direct = handler.direct else { return }
            if direct.deadline(handler.limits) < .now() { return context.close(promise: nil) }
            handler.watch(context)
        }
    }

    private func readOn(_ context: ChannelHandlerContext) {
        guard wantsRead else { return }
        wantsRead = false
        context.read()
    }

    func read(context: ChannelHandlerContext) {
        if direct?.hasHeld == true { wantsRead = true } else { context.read() }
    }

    private func install(_ context: ChannelHandlerContext) {
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
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard promise != nil else { return context.fireErrorCaught(error) }
        // A refused upgrade is an ordinary request: its head comes next.
        if error is WebSocketUpgrader.Refused || error is HTTPServerUpgradeErrors { return }
        finish { .failure(error) }
        guard error is HTTPParserError else { return context.close(promise: nil) }
        plain.writeAndFlush(
            ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"))
        context.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent, promise != nil {
            if hasServed, let direct { direct.stop() } else { context.close(promise: nil) }
        }
        // Nothing more will be asked: the answer that is owed is the last.
        if case ChannelEvent.inputClosed? = event as? ChannelEvent, hasServed, let direct { direct.stop() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { direct?.becameWritable() }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        direct?.end()
        direct = nil
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
