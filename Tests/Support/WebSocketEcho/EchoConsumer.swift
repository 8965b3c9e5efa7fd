import NIOCore
import ThroughlineCore
import ThroughlineServer

/// Sends every message back. The texts are checked as the server's own reader checks them.
final class EchoConsumer: WebSocketConsumer {
    weak var output: (any WebSocketOutput)?
    var takesBinary: Bool { true }
    var isTakingMore: Bool { output?.isWritable ?? true }

    func opened() {}

    func received(_ message: [UInt8], isBinary: Bool) {
        guard !isBinary else { return output?.send(WebSocketFraming.binary(message)) ?? () }
        guard message.withUnsafeBytes({ UTF8Check.isValid($0) }) else {
            return output?.close(1007, "The text is not UTF-8.") ?? ()
        }
        output?.send(WebSocketFraming.text(message))
    }

    func becameWritable() { output?.takesMoreAgain() }

    func drain() { output?.close(1012, "The server stops.") }

    func closed() {}
}
