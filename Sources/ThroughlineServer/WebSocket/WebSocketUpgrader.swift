import Crypto
import Foundation
package import NIOCore
package import NIOHTTP1

/// The handshake of RFC 6455, section 4.2. After it the channel has no handler left but those that are put in here.
package final class WebSocketUpgrader: HTTPServerProtocolUpgrader, Sendable {
    /// Why a request that asks for an upgrade gets none: it goes on as an ordinary one.
    struct Refused: Error {}

    package let supportedProtocol = "websocket"
    package let requiredUpgradeHeaders: [String] = []
    private let answer: @Sendable (HTTPRequestHead) -> HTTPHeaders?
    private let install: @Sendable (any Channel, HTTPRequestHead) throws -> Void

    init(
        answer: @escaping @Sendable (HTTPRequestHead) -> HTTPHeaders?,
        install: @escaping @Sendable (any Channel, HTTPRequestHead) throws -> Void
    ) {
        self.answer = answer
        self.install = install
    }

    package func buildUpgradeResponse(
        channel: any Channel, upgradeRequest: HTTPRequestHead, initialResponseHeaders: HTTPHeaders
    ) -> EventLoopFuture<HTTPHeaders> {
        guard let key = Self.key(of: upgradeRequest), let more = answer(upgradeRequest) else {
            return channel.eventLoop.makeFailedFuture(Refused())
        }
        var headers = initialResponseHeaders
        headers.replaceOrAdd(name: "Upgrade", value: "websocket")
        headers.add(name: "Sec-WebSocket-Accept", value: Self.accept(key))
        headers.replaceOrAdd(name: "Connection", value: "upgrade")
        headers.add(contentsOf: more)
        return channel.eventLoop.makeSucceededFuture(headers)
    }

    package func upgrade(
        context: ChannelHandlerContext, upgradeRequest: HTTPRequestHead
    ) -> EventLoopFuture<Void> {
        let channel = context.channel
        return channel.eventLoop.makeCompletedFuture { try install(channel, upgradeRequest) }
    }

    /// The client's key: sixteen bytes in Base64, once, with version 13.
    private static func key(of head: HTTPRequestHead) -> String? {
        let keys = head.headers["sec-websocket-key"]
        guard head.method == .GET, head.headers["sec-websocket-version"] == ["13"], keys.count == 1,
            Data(base64Encoded: keys[0])?.count == 16
        else { return nil }
        return keys[0]
    }

    private static func accept(_ key: String) -> String {
        let digest = Insecure.SHA1.hash(data: Data((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8))
        return Data(digest).base64EncodedString()
    }
}
