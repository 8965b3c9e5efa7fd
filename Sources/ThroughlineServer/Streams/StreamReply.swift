import NIOCore
import ThroughlineCore

/// The answer to a request on a durable stream, whatever the transport.
struct StreamReply: Sendable {
    var status: Int
    var headers: [(name: String, value: String)] = []
    var body = ByteBuffer()

    init(_ status: Int, _ headers: [(name: String, value: String)] = [], body: ByteBuffer = ByteBuffer()) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// A refusal as problem details, with what the protocol's clients look at in headers.
    init(_ refusal: Refusal, _ headers: [(name: String, value: String)] = []) {
        self.init(
            refusal.code.status,
            [("content-type", "application/problem+json"), ("cache-control", "no-store")] + headers,
            body: ByteBuffer(bytes: refusal.problem))
        if refusal.code == .stopping { self.headers.append(("retry-after", "1")) }
        if refusal.code == .keyMissing || refusal.code == .keyInvalid {
            self.headers.append(("www-authenticate", "Bearer"))
        }
    }

    /// What every answer says to browsers.
    static let guards: [(name: String, value: String)] = [
        ("x-content-type-options", "nosniff"), ("cross-origin-resource-policy", "cross-origin"),
    ]
}

/// What a request on a durable stream comes to.
enum StreamAnswer: Sendable {
    case whole(StreamReply)
    /// Server-sent events, for as long as there are any.
    case events(StreamReply, any EventFeed)
}
