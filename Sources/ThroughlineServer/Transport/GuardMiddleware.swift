import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ThroughlineCore

/// The door of HTTP: where a request comes from, whether it may come in, and every refusal as problem details.
struct GuardMiddleware<Context: RequestContext>: RouterMiddleware {
    let gatekeeper: Gatekeeper

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            let origin = request.headers[.origin]
            try gatekeeper.checkOrigin(origin, host: request.head.authority)
            if request.method == .options, origin != nil {
                return Self.preflight(request, origin: origin)
            }
            var response = try await admitted(request, context: context, next: next)
            if let origin { Self.allow(origin, on: &response) }
            return response
        } catch {
            var response = Response(refusal: Self.refusal(for: error, context: context))
            if let origin = request.headers[.origin], !(error is Refusal && (error as? Refusal)?.code == .originRefused)
            {
                Self.allow(origin, on: &response)
            }
            return response
        }
    }

    private func admitted(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard request.uri.path.hasPrefix("/v1/") || request.uri.path == "/metrics" else {
            return try await next(request, context)
        }
        if let target = StreamTarget(request.head.path ?? ""), SubscriptionService.Place(target)?.isOpen == true {
            return try await next(request, context)
        }
        let name = try gatekeeper.admit(token: BearerKey.read(request.headers[.authorization]))
        return try await RequestIdentity.$keyName.withValue(name) { try await next(request, context) }
    }

    private static func refusal(for error: any Error, context: Context) -> Refusal {
        if let refusal = error as? Refusal { return refusal }
        if let error = error as? any HTTPResponseError {
            switch error.status {
            case .notFound: return Refusal(.routeNotFound, "There is nothing here. docs/protocol.md lists the routes.")
            case .methodNotAllowed: return Refusal(.methodNotAllowed, "This path does not take that method.")
            case .contentTooLarge: return Refusal(.tooLarge, "The body is too large.")
            default: break
            }
        }
        if error is CancellationError { return Refusal(.stopping, "The request was cancelled.") }
        context.logger.error("a request failed", metadata: ["tl.error": "\(error)"])
        return Refusal(.internalError, "Something went wrong here. The server's log says what.")
    }

    private static func preflight(_ request: Request, origin: String?) -> Response {
        var response = Response(status: .noContent)
        if let origin { allow(origin, on: &response) }
        response.headers[.accessControlAllowMethods] = "GET, POST, PUT, PATCH, DELETE"
        response.headers[.accessControlAllowHeaders] =
            "Authorization, Content-Type, If-Match, If-None-Match, Last-Event-ID, Producer-Epoch, Producer-Id, Producer-Seq, Run-Lease, Stream-Closed, Stream-Compaction-Key, Stream-Expires-At, Stream-Fork-Offset, Stream-Fork-Sub-Offset, Stream-Forked-From, Stream-Retention-Age, Stream-Retention-Bytes, Stream-Retention-Count, Stream-Seq, Stream-TTL, Throughline-Input, Throughline-Participant, Throughline-Session, Write-Seq"
        response.headers[.accessControlMaxAge] = "600"
        return response
    }

    private static func allow(_ origin: String, on response: inout Response) {
        response.headers[.accessControlAllowOrigin] = origin
        response.headers[.vary] = "Origin"
        response.headers[.accessControlExposeHeaders] =
            "ETag, Location, Producer-Epoch, Producer-Expected-Seq, Producer-Received-Seq, Producer-Seq, Stream-Closed, Stream-Compaction-Key, Stream-Cursor, Stream-Earliest-Offset, Stream-Expires-At, Stream-Extensions, Stream-Next-Offset, Stream-Retention-Age, Stream-Retention-Bytes, Stream-Retention-Count, Stream-SSE-Data-Encoding, Stream-TTL, Stream-Up-To-Date, Throughline-Run, Throughline-Session"
    }
}

extension Response {
    /// A refusal as problem details (RFC 9457).
    init(refusal: Refusal) {
        var headers: HTTPFields = [.contentType: "application/problem+json", .cacheControl: "no-store"]
        if refusal.code == .keyMissing || refusal.code == .keyInvalid { headers[.wwwAuthenticate] = "Bearer" }
        if refusal.code == .stopping { headers[.retryAfter] = "1" }
        self.init(
            status: .init(code: refusal.code.status), headers: headers,
            body: .init(byteBuffer: ByteBuffer(bytes: refusal.problem)))
    }

    /// JSON that is made already.
    init(status: HTTPResponse.Status = .ok, json: [UInt8]) {
        self.init(
            status: status, headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: .init(byteBuffer: ByteBuffer(bytes: json)))
    }
}
