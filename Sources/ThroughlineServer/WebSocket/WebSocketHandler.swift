import NIOCore
import NIOWebSocket
import ThroughlineCore

/// The channel's end of a WebSocket: frames to messages, pings, closing, backpressure. What messages mean is
/// ``WebSocketConnection``'s business.
final class WebSocketHandler: ChannelDuplexHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundIn = Never
    typealias OutboundOut = Never

    private let connection: WebSocketConnection
    private let plain: PlainWriter
    private let limits: TransportLimits
    private var fragments: [UInt8] = []
    private var isInMessage = false
    private var lastHeard = NIODeadline.now()
    private var pinger: RepeatedTask?
    private var isClosing = false
    private var wantsRead = false
    private var needsFlush = false
    private weak var channel: (any Channel)?
    private var context: ChannelHandlerContext?

    init(connection: WebSocketConnection, plain: PlainWriter, limits: TransportLimits) {
        self.connection = connection
        self.plain = plain
        self.limits = limits
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        channel = context.channel
        connection.output = self
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        pinger = context.eventLoop.scheduleRepeatedTask(
            initialDelay: limits.pingInterval, delay: limits.pingInterval
        ) { _ in bound.value.checkSilence() }
        connection.opened()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        pinger?.cancel()
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        pinger?.cancel()
        isClosing = true
        connection.closed()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        lastHeard = .now()
        guard !isClosing else {
            // The answer to our own close.
            if frame.opcode == .connectionClose { context.close(promise: nil) }
            return
        }
        switch frame.opcode {
        case .text, .binary, .continuation: take(frame)
        case .ping: send(WebSocketFraming.pong(Array(frame.unmaskedData.readableBytesView)))
        case .connectionClose: answerClose(frame)
        default: break
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        flushIfNeeded()
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { connection.becameWritable() }
        flushIfNeeded()
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent { connection.drain() }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let error = error as? NIOWebSocketError, error == .invalidFrameLength {
            close(1009, "A message has at most \(limits.messageBytes) bytes.")
        } else if error is NIOWebSocketError {
            close(1002, "The frame is not RFC 6455.")
        } else {
            context.close(promise: nil)
        }
    }

    func read(context: ChannelHandlerContext) {
        if connection.isTakingMore { context.read() } else { wantsRead = true }
    }

    // MARK: Reading

    private func take(_ frame: WebSocketFrame) {
        guard frame.opcode != .binary else { return close(1003, "Messages are text.") }
        guard (frame.opcode == .continuation) == isInMessage else {
            return close(1002, "The fragments are out of order.")
        }
        let data = frame.unmaskedData
        guard fragments.count + data.readableBytes <= limits.messageBytes else {
            return close(1009, "A message has at most \(limits.messageBytes) bytes.")
        }
        fragments.append(contentsOf: data.readableBytesView)
        isInMessage = !frame.fin
        guard frame.fin else { return }
        let message = fragments
        fragments = []
        connection.received(message)
    }

    private func answerClose(_ frame: WebSocketFrame) {
        var data = frame.unmaskedData
        let code = data.readInteger(as: UInt16.self)
        isClosing = true
        plain.writeAndFlush(WebSocketFraming.close(code ?? 1000, ""))
        channel?.close(promise: nil)
    }

    private func checkSilence() {
        guard !isClosing else { return }
        if lastHeard + limits.silence < .now() {
            isClosing = true
            channel?.close(promise: nil)
        } else {
            send(WebSocketFraming.ping())
            flushIfNeeded()
        }
    }
}

extension WebSocketHandler: WebSocketOutput {
    var isWritable: Bool { channel?.isWritable ?? false }

    func send(_ frame: ByteBuffer) {
        guard !isClosing else { return }
        plain.write(frame)
        needsFlush = true
    }

    func flushIfNeeded() {
        guard needsFlush else { return }
        needsFlush = false
        plain.flush()
    }

    func close(_ code: UInt16, _ reason: String) {
        guard !isClosing else { return }
        plain.writeAndFlush(WebSocketFraming.close(code, reason))
        isClosing = true
        guard let channel else { return }
        // The other side answers and closes; if it does not, we do.
        channel.eventLoop.scheduleTask(in: .seconds(2)) { channel.close(promise: nil) }
    }

    func takesMoreAgain() {
        guard wantsRead else { return }
        wantsRead = false
        context?.read()
    }
}

/// What a connection needs from its channel. All calls are on the connection's loop.
protocol WebSocketOutput: AnyObject {
    var isWritable: Bool { get }
    func send(_ frame: ByteBuffer)
    func flushIfNeeded()
    func close(_ code: UInt16, _ reason: String)
    func takesMoreAgain()
}
