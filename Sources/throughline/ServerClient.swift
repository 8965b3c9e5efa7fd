import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import ThroughlineCore

/// Speaks the protocol over HTTP.
struct ServerClient: Sendable {
    let server: String
    let key: String?
    let participant: String?

    /// Lives as long as the process.
    private static let http: HTTPClient = {
        var settings = HTTPClient.Configuration()
        settings.httpVersion = .http1Only
        settings.redirectConfiguration = .disallow
        settings.timeout.connect = .seconds(10)
        // The server says something every 15 seconds, so a longer silence is a lost connection.
        settings.timeout.read = .seconds(50)
        settings.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
    }()

    /// One answer as it comes, whatever its status.
    func open(
        _ method: HTTPMethod = .GET, _ path: String, body: [UInt8]? = nil, accept: String = "application/json",
        lastEvent: SequenceNumber? = nil
    ) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: server + path)
        request.method = method
        request.headers.add(name: "Accept", value: accept)
        if let key { request.headers.add(name: "Authorization", value: "Bearer " + key) }
        if let participant { request.headers.add(name: "Throughline-Participant", value: participant) }
        if let lastEvent { request.headers.add(name: "Last-Event-ID", value: "\(lastEvent)") }
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: body))
        }
        do {
            return try await Self.http.execute(request, deadline: .distantFuture)
        } catch {
            throw unreachable(error)
        }
    }

    /// One answer as a whole; a refusal is thrown.
    func call(_ method: HTTPMethod = .GET, _ path: String, body: [UInt8]? = nil) async throws -> [UInt8] {
        let response = try await open(method, path, body: body)
        let bytes = try await whole(response)
        guard response.status.code < 300 else { throw Self.refusal(bytes, status: response.status.code) }
        return bytes
    }

    func read(_ path: String) async throws -> [UInt8] { try await call(.GET, path) }

    func value(_ method: HTTPMethod = .GET, _ path: String, body: [UInt8]? = nil) async throws -> JSONValue {
        let bytes = try await call(method, path, body: body)
        guard let value = try? JSONDocument.parse(bytes) else {
            throw Failure("\(server) does not speak Throughline's protocol.")
        }
        return value
    }

    func whole(_ response: HTTPClientResponse) async throws -> [UInt8] {
        do {
            return Array(buffer: try await response.body.collect(upTo: 1 << 30))
        } catch {
            throw unreachable(error)
        }
    }

    /// The path of a session, or of something in it.
    static func path(_ session: String, _ rest: String = "") throws -> String {
        guard SessionID(session) != nil else {
            throw Failure("“\(session)” is no id: use A-Z a-z 0-9 . _ : and -, at most 128.", status: Failure.usage)
        }
        return "/v1/sessions/" + session + rest
    }

    static func refusal(_ body: [UInt8], status: UInt) -> Failure {
        let problem = try? JSONDocument.parse(body)
        guard let detail = problem?["detail"]?.string else { return Failure("The server answered \(status).") }
        return Failure(detail + (problem?["code"]?.string.map { " (\($0))" } ?? ""))
    }

    private func unreachable(_ error: any Error) -> Failure {
        Failure("\(server) cannot be reached: \(error). Is it running?", status: Failure.unreachable)
    }
}
