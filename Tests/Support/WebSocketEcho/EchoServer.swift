import Foundation
import Hummingbird
import Logging
import NIOHTTP1
import ThroughlineServer

/// A server that sends WebSocket messages back, for conformance suites that need one: the real server's channel, framing and
/// limits, with an echo in the place of sessions. Prints its port.
@main
struct EchoServer {
    static func main() async throws {
        var limits = TransportLimits()
        // The suite's largest message is 16 MiB.
        limits.messageBytes = 16 << 20
        let sockets = WebSocketPipeline(limits: limits, answer: { _ in [:] }, makeConsumer: { _, _ in EchoConsumer() })
        let application = Application(
            router: Router(),
            server: .init { [limits] responder in
                DualChannel(responder: responder, limits: limits, upgrader: sockets.makeUpgrader)
            },
            configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in
                FileHandle.standardOutput.write(Data("\(channel.localAddress?.port ?? 0)\n".utf8))
            },
            logger: Logger(label: "echo") { _ in SwiftLogNoOpLogHandler() })
        try await application.runService()
    }
}
