import HTTPTypes
import Hummingbird
import NIOCore
import ThroughlineCore
import ThroughlineEngine

/// For those who run the server: is it alive, does it take requests, what does it count.
struct StatusController: Sendable {
    let engine: Engine
    let storeMetrics: @Sendable () -> [Metric]

    func health(request: Request, context: some RequestContext) async throws -> Response {
        Response(json: Array(#"{"status":"ok"}"#.utf8))
    }

    func ready(request: Request, context: some RequestContext) async throws -> Response {
        guard engine.isReady else { throw Refusal(.stopping, "The server is starting or stopping.") }
        return Response(json: Array(#"{"status":"ready"}"#.utf8))
    }

    /// Prometheus text, version 0.0.4.
    func metrics(request: Request, context: some RequestContext) async throws -> Response {
        var text = ""
        let engineMetrics =
            engine.metrics.all + [("throughline_sessions", "Sessions.", "gauge", engine.sessionCount)]
        for metric in engineMetrics.map(Metric.init) + storeMetrics() {
            text +=
                "# HELP \(metric.name) \(metric.help)\n# TYPE \(metric.name) \(metric.kind)\n\(metric.name) \(metric.value)\n"
        }
        return Response(
            status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
            body: .init(byteBuffer: ByteBuffer(string: text)))
    }

    func upgradeRequired(request: Request, context: some RequestContext) async throws -> Response {
        var response = Response(
            refusal: Refusal(
                .upgradeRequired,
                "This is a WebSocket: upgrade with the subprotocol throughline.v1, as the first request of a connection."
            ))
        response.headers[.upgrade] = "websocket"
        response.headers[.connection] = "close"
        return response
    }
}
