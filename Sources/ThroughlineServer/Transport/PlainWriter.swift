import NIOCore

/// Stands next to the socket and writes bytes that need no encoding: frames that are made already, and an answer to what is
/// no HTTP.
final class PlainWriter: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var context: ChannelHandlerContext?

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func write(_ bytes: ByteBuffer) { context?.write(wrapOutboundOut(bytes), promise: nil) }

    func flush() { context?.flush() }

    func writeAndFlush(_ bytes: ByteBuffer) {
        write(bytes)
        flush()
    }
}
