import HTTPTypes
import Hummingbird
import NIOCore
import ThroughlineCore
import ThroughlineEngine

/// Durable streams for connections that Hummingbird serves: those that have asked for something else before, and those of
/// browsers with pages from other origins.
struct StreamController: Sendable {
    let service: StreamService

    func answer(request: Request, context: some RequestContext) async throws -> Response {
        guard let method = StreamRequest.Method(rawValue: request.method.rawValue),
            let target = StreamTarget(request.head.path ?? "")
        else { throw Refusal(.methodNotAllowed, "A stream takes PUT, POST, GET, HEAD and DELETE.") }
        var fields = StreamFields()
        for field in request.headers { fields.take(field.name.rawName, field.value) }
        let streamed = StreamRequest(
            method: method, target: target, fields: fields, participant: try RequestIdentity.participant(of: request),
            origin: fields.origin(request.head.authority))
        var body: [UInt8] = []
        if method == .put || method == .post {
            body = try await request.boundedBody(upTo: service.limits.streamBodyBytes, within: service.limits.bodyTime)
        }
        let answer: StreamAnswer = await withCheckedContinuation { [body] continuation in
            service.answer(streamed, body, mailbox: Mailbox(loop: nil)) { continuation.resume(returning: $0) }
        }
        switch answer {
        case .whole(let reply): return Response(reply, of: method)
        case .events(let reply, let feed): return events(reply, feed)
        }
    }

    private func events(_ reply: StreamReply, _ feed: any EventFeed) -> Response {
        let watch = CallerWatch()
        let service = service
        return Response(
            status: .init(code: reply.status), headers: Response.headers(of: reply),
            body: .init { writer in
                let signal = FeedSignal()
                feed.begin { signal.raise() }
                let end = service.engine.schedule(in: service.limits.feedTime) { signal.end() }
                defer {
                    end.cancel()
                    feed.detach()
                }
                while true {
                    switch feed.next() {
                    case .events(let bytes): try await writer.write(bytes)
                    case .end(let bytes):
                        try await writer.write(bytes)
                        return try await writer.finish(nil)
                    case .wait:
                        let outcome = try await service.stopping.whileRunning {
                            try await watch.whilePresent {
                                await signal.wait(within: service.limits.keepAlive, service)
                            }
                        }
                        switch outcome {
                        case .more?: break
                        case .silence?: try await writer.write(StreamEvents.keepAlive)
                        case .over?, nil:
                            try await writer.write(feed.goodbye)
                            return try await writer.finish(nil)
                        }
                    }
                }
            })
    }
}

extension Response {
    fileprivate init(_ reply: StreamReply, of method: StreamRequest.Method) {
        let hasBody = method != .head && reply.status != 204 && reply.status != 304
        self.init(
            status: .init(code: reply.status), headers: Self.headers(of: reply),
            body: hasBody ? .init(byteBuffer: reply.body) : .init())
    }

    fileprivate static func headers(of reply: StreamReply) -> HTTPFields {
        var headers = HTTPFields()
        for list in [StreamReply.guards, reply.headers] {
            for (name, value) in list {
                if let name = HTTPField.Name(name) { headers[name] = value }
            }
        }
        return headers
    }
}
