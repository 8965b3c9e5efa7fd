import NIOCore
import NIOWebSocket
import ThroughlineCore

/// The channel's end of a WebSocket: frames to messages, pings, closing, backpressure. What messages mean is
/// its consumer's business.
final class WebSocketHandler: ChannelDuplexHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundIn = Never
    typealias OutboundOut = Never

    private let consumer: any WebSocketConsumer
    private let plain: PlainWriter
    private let limits: TransportLimits
    private var fragments: [UInt8] = []
    private var isInMessage = false
    private var isBinary = false
    private var lastHeard = NIODeadline.now()
    private var pinger: RepeatedTask?
    private var isClosing = false
    private var wantsRead = false
    private var needsFlush = false
    private weak var channel: (any Channel)?
    private var context: ChannelHandlerContext?

    init(consumer: any WebSocketConsumer, plain: PlainWriter, limits: TransportLimits) {
        self.consumer = consumer
        self.plain = plain
        self.limits = limits
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        channel = context.channel
        consumer.output = self
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        pinger = context.eventLoop.scheduleRepeatedTask(
            initialDelay: limits.pingInterval, delay: limits.pingInterval
        ) { _ in bound.value.checkSilence() }
        consumer.opened()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        pinger?.cancel()
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        pinger?.cancel()
        isClosing = true
        consumer.closed()
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
        guard frame.maskKey != nil, !frame.rsv1, !frame.rsv2, !frame.rsv3 else {
            return close(1002, "A client's frame is masked, and of no extension.")
        }
        switch frame.opcode {
        case .text, .binary, .continuation: take(frame)
        case .ping: send(WebSocketFraming.pong(Array(frame.unmaskedData.readableBytesView)))
        case .pong: break
        case .connectionClose: answerClose(frame)
        default: close(1002, "There is no such opcode.")
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        flushIfNeeded()
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { consumer.becameWritable() }
        flushIfNeeded()
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent { consumer.drain() }
        // Who says nothing more without a close frame is gone: half a WebSocket is of use to nobody.
        if case ChannelEvent.inputClosed? = event as? ChannelEvent { context.close(promise: nil) }
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
        if consumer.isTakingMore { context.read() } else { wantsRead = true }
    }

    // MARK: Reading

    private func take(_ frame: WebSocketFrame) {
        guard frame.opcode != .binary || consumer.takesBinary else { return close(1003, "Messages are text.") }
        guard (frame.opcode == .continuation) == isInMessage else {
            return close(1002, "The fragments are out of order.")
        }
        let data = frame.unmaskedData
        guard fragments.count + data.readableBytes <= limits.messageBytes else {
            return close(1009, "A message has at most \(limits.messageBytes) bytes.")
        }
        if !isInMessage { isBinary = frame.opcode == .binary }
        fragments.append(contentsOf: data.readableBytesView)
        isInMessage = !frame.fin
        guard frame.fin else { return }
        let message = fragments
        fragments = []
        consumer.received(message, isBinary: isBinary)
    }

    private func answerClose(_ frame: WebSocketFrame) {
        isClosing = true
        plain.writeAndFlush(WebSocketFraming.close(WebSocketClosing.answer(to: frame.unmaskedData), ""))
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
