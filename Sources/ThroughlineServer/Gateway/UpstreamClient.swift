import AsyncHTTPClient
import HTTPTypes
import NIOCore
import NIOHTTP1
import ThroughlineCore

/// One call of the upstream.
struct UpstreamRequest: Sendable {
    var method: HTTPRequest.Method = .post
    /// Behind the base URL, with the query: `/chat/completions`.
    var path: String
    var headers: HTTPFields = [:]
    var body: [UInt8] = []

    /// A chat completion for a session: the caller's body, and none of its headers but the key.
    static func chat(_ body: [UInt8], authorization: String? = nil) -> UpstreamRequest {
        var headers: HTTPFields = [.contentType: "application/json", .accept: "*/*", .acceptEncoding: "identity"]
        headers[.authorization] = authorization
        return UpstreamRequest(path: "/chat/completions", headers: headers, body: body)
    }
}

/// The way to the upstream.
final class UpstreamClient: Sendable {
    let configuration: UpstreamConfiguration
    private let client: HTTPClient

    init(_ configuration: UpstreamConfiguration) {
        self.configuration = configuration
        var settings = HTTPClient.Configuration()
        settings.httpVersion = .http1Only
        settings.redirectConfiguration = .disallow
        settings.timeout.connect = configuration.connectTimeout
        settings.timeout.read = configuration.idleTimeout
        settings.connectionPool.retryConnectionEstablishment = false
        settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = configuration.maximumRuns
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
    }

    func shutdown() async { try? await client.shutdown() }

    /// Returns when the head of the answer is there. Cancelling the task, then or while the body comes, closes the call.
    func send(_ request: UpstreamRequest) async throws -> HTTPClientResponse {
        var call = HTTPClientRequest(url: configuration.baseURL + request.path)
        call.method = HTTPMethod(rawValue: request.method.rawValue)
        for field in request.headers where Self.isForwarded(field.name) {
            call.headers.add(name: field.name.rawName, value: field.value)
        }
        if let authorization = authorization(of: request) {
            call.headers.add(name: "Authorization", value: authorization)
        }
        if request.method != .get || !request.body.isEmpty { call.body = .bytes(ByteBuffer(bytes: request.body)) }
        return try await client.execute(call, deadline: .distantFuture)
    }

    private func authorization(of request: UpstreamRequest) -> String? {
        if let key = configuration.key { return "Bearer " + key }
        return configuration.forwardsCallerKey ? request.headers[.authorization] : nil
    }

    /// The headers of an answer that are the caller's business.
    static func fields(of response: HTTPClientResponse) -> HTTPFields {
        var fields = HTTPFields()
        for (name, value) in response.headers {
            guard let name = HTTPField.Name(name), !hopByHop.contains(name.canonicalName) else { continue }
            fields.append(HTTPField(name: name, value: value))
        }
        return fields
    }

    private static func isForwarded(_ name: HTTPField.Name) -> Bool {
        let name = name.canonicalName
        return !hopByHop.contains(name) && !own.contains(name) && !name.hasPrefix("throughline-")
    }

    private static let hopByHop: Set<String> = [
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    ]

    /// What concerns this server only, or is set anew.
    private static let own: Set<String> = [
        "authorization", "content-length", "cookie", "expect", "host", "origin", "referer",
    ]

    /// What an error of a call means. `started`: after the head of the answer.
    static func failure(_ error: any Error, started: Bool) -> RunError {
        let timeouts: [HTTPClientError] = [
            .connectTimeout, .readTimeout, .deadlineExceeded, .getConnectionFromPoolTimeout,
        ]
        if let error = error as? HTTPClientError, timeouts.contains(error) {
            return RunError(code: "upstream_timeout", message: "The upstream was silent for too long.")
        }
        if let error = error as? SSEError {
            return RunError(code: "upstream_failed", message: "The upstream's stream cannot be read: \(error).")
        }
        if started { return .truncated }
        return RunError(
            code: "upstream_failed", message: "The upstream cannot be reached. Is it running, and its address right?")
    }
}

extension RunError {
    static let truncated = RunError(
        code: "upstream_truncated", message: "The upstream's answer ended before it was whole.")
    static let stopping = RunError(
        code: "server_stopping", message: "The server stopped while the answer was coming in.")
}

extension Refusal {
    /// The same failure, where no run carries it.
    init(_ error: RunError) {
        self.init(error.code == "upstream_timeout" ? .upstreamTimeout : .upstreamFailed, error.message)
    }
}
