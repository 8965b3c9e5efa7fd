import NIOCore
import NIOHTTP1
import ThroughlineCore
import ThroughlineEngine

/// Decides on the upgrade of `/v1/connect`. What it refuses goes to the router, which answers in words.
struct WebSocketUpgrade: Sendable {
    static let path = "/v1/connect"
    static let subprotocol = "throughline.v1"

    let engine: Engine
    let gatekeeper: Gatekeeper
    let limits: TransportLimits

    func makeUpgrader() -> WebSocketUpgrader {
        WebSocketPipeline(
            limits: limits, answer: { accepts($0) ? ["Sec-WebSocket-Protocol": Self.subprotocol] : nil },
            makeConsumer: makeConnection
        ).makeUpgrader()
    }

    private func accepts(_ head: HTTPRequestHead) -> Bool {
        guard head.uri.prefix(while: { $0 != "?" }) == Self.path, offered(head).contains(Self.subprotocol) else {
            return false
        }
        do throws(Refusal) {
            try gatekeeper.checkOrigin(head.headers.first(name: "origin"), host: head.headers.first(name: "host"))
            return true
        } catch {
            return false
        }
    }

    private func offered(_ head: HTTPRequestHead) -> [String] {
        head.headers[canonicalForm: "sec-websocket-protocol"].map(String.init)
    }

    private func makeConnection(_ head: HTTPRequestHead, on loop: any EventLoop) -> any WebSocketConsumer {
        let token =
            BearerKey.read(head.headers.first(name: "authorization"))
            ?? offered(head).first { $0.hasPrefix("bearer.") }.map { String($0.dropFirst("bearer.".count)) }
        let stated = head.headers.first(name: "Throughline-Participant") ?? QueryText.parameter("as", of: head.uri)
        return WebSocketConnection(
            engine: engine, gatekeeper: gatekeeper, limits: limits, loop: loop, token: token, participant: stated)
    }
}
