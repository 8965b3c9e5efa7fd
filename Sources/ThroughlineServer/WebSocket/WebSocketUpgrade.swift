import NIOCore
import NIOHTTP1
import NIOWebSocket
import ThroughlineCore
import ThroughlineEngine

/// Decides on the upgrade of `/v1/connect`. What it refuses goes to the router, which answers in words.
struct WebSocketUpgrade: Sendable {
    static let path = "/v1/connect"
    static let subprotocol = "throughline.v1"

    let engine: Engine
    let gatekeeper: Gatekeeper
    let limits: TransportLimits

    func makeUpgrader() -> NIOWebSocketServerUpgrader {
        NIOWebSocketServerUpgrader(
            maxFrameSize: limits.messageBytes,
            shouldUpgrade: { channel, head in
                channel.eventLoop.makeSucceededFuture(accepts(head) ? answer(to: head) : nil)
            },
            upgradePipelineHandler: { channel, head in
                channel.eventLoop.makeCompletedFuture { try install(on: channel, head) }
            })
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

    private func answer(to head: HTTPRequestHead) -> HTTPHeaders { ["Sec-WebSocket-Protocol": Self.subprotocol] }

    private func offered(_ head: HTTPRequestHead) -> [String] {
        head.headers[canonicalForm: "sec-websocket-protocol"].map(String.init)
    }

    private func install(on channel: any Channel, _ head: HTTPRequestHead) throws {
        let plain = try channel.pipeline.syncOperations.handler(type: PlainWriter.self)
        let token =
            Gatekeeper.bearer(head.headers.first(name: "authorization"))
            ?? offered(head).first { $0.hasPrefix("bearer.") }.map { String($0.dropFirst("bearer.".count)) }
        let stated = head.headers.first(name: "Throughline-Participant") ?? queryParameter("as", of: head.uri)
        let connection = WebSocketConnection(
            engine: engine, gatekeeper: gatekeeper, limits: limits, loop: channel.eventLoop, token: token,
            participant: stated)
        try channel.pipeline.syncOperations.addHandler(
            WebSocketHandler(connection: connection, plain: plain, limits: limits))
    }

    private func queryParameter(_ name: String, of uri: String) -> String? {
        guard let query = uri.split(separator: "?", maxSplits: 1).dropFirst().first else { return nil }
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1)
            if parts.count == 2, parts[0] == name {
                return String(parts[1]).replacingPlus().removingPercentEscapes()
            }
        }
        return nil
    }
}

extension String {
    fileprivate func replacingPlus() -> String { String(map { $0 == "+" ? " " : $0 }) }

    /// Decodes `%XX`; `nil` if that is no UTF-8.
    fileprivate func removingPercentEscapes() -> String? {
        var bytes: [UInt8] = []
        var rest = utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2, let value = UInt8(String(rest.prefix(2)) ?? "", radix: 16) {
                bytes.append(value)
                rest.removeFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
