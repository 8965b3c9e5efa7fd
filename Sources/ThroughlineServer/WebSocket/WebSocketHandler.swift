import NIOCore
import ThroughlineCore

/// The channel's end of a WebSocket: frames to messages, pings, closing, backpressure. What messages mean is
/// its consumer's business.
final class WebSocketHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = Never
    typealias OutboundOut = Never

    private let consumer: any WebSocketConsumer
    private let plain: PlainWriter
    private let limits: TransportLimits
    private var reader: WebSocketFrameReader
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
        reader = WebSocketFrameReader(maximumPayload: limits.messageBytes)
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
        lastHeard = .now()
        do throws(WebSocketFrameReader.Failure) {
            try reader.read(unwrapInboundIn(data)) { take($0) }
        } catch {
            switch error {
            case .malformed(let reason): close(1002, reason)
            case .tooLong: close(1009, "A message has at most \(limits.messageBytes) bytes.")
            }
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        consumer.receivedAll()
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

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func read(context: ChannelHandlerContext) {
        if consumer.isTakingMore { context.read() } else { wantsRead = true }
    }

    // MARK: Reading

    /// False when nothing more is to be read.
    private func take(_ frame: WebSocketFrameReader.Frame) -> Bool {
        guard !isClosing else {
            // The answer to our own close.
            if frame.opcode == WebSocketFrameReader.Frame.close { channel?.close(promise: nil) }
            return false
        }
        switch frame.opcode {
        case WebSocketFrameReader.Frame.ping: send(WebSocketFraming.pong(Array(frame.payload)))
        case WebSocketFrameReader.Frame.pong: break
        case WebSocketFrameReader.Frame.close: answerClose(frame)
        default: takePiece(frame)
        }
        return !isClosing
    }

    private func takePiece(_ frame: WebSocketFrameReader.Frame) {
        let opcode = frame.opcode
        guard opcode != WebSocketFrameReader.Frame.binary || consumer.takesBinary else {
            return close(1003, "Messages are text.")
        }
        guard (opcode == WebSocketFrameReader.Frame.continuation) == isInMessage else {
            return close(1002, "The fragments are out of order.")
        }
        if !isInMessage {
            isBinary = opcode == WebSocketFrameReader.Frame.binary
            if frame.isFinal, !isBinary, consumer.receivedAtOnce(frame.payload) { return }
        }
        guard fragments.count + frame.payload.count <= limits.messageBytes else {
            return close(1009, "A message has at most \(limits.messageBytes) bytes.")
        }
        fragments.append(contentsOf: frame.payload)
        isInMessage = !frame.isFinal
        guard frame.isFinal else { return }
        let message = fragments
        fragments = []
        consumer.received(message, isBinary: isBinary)
    }

    private func answerClose(_ frame: WebSocketFrameReader.Frame) {
        isClosing = true
        let code = WebSocketClosing.answer(to: ByteBuffer(bytes: frame.payload))
        plain.writeAndFlush(WebSocketFraming.close(code, ""))
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
