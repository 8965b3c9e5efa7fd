import AsyncHTTPClient
import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import ThroughlineCore

/// Gives a request to the upstream and its answer back, byte by byte as they come, keeping nothing.
struct PassThrough: Sendable {
    let client: UpstreamClient

    func response(to request: Request, path: String, body: [UInt8]) async throws -> Response {
        let watch = CallerWatch()
        let query = request.uri.query.map { "?" + $0 } ?? ""
        let call = UpstreamRequest(
            method: request.method, path: path + query, headers: request.headers, body: body)
        do {
            let answer = try await watch.whilePresent { try await client.send(call) }
            return Self.response(answer, watch)
        } catch let error as CancellationError {
            throw error
        } catch {
            throw Refusal(UpstreamClient.failure(error, started: false))
        }
    }

    private static func response(_ answer: HTTPClientResponse, _ watch: CallerWatch) -> Response {
        let source = BodySource(answer)
        let body = ResponseBody { writer in
            while let buffer = try await watch.whilePresent({ try await source.next() }) {
                try await writer.write(buffer)
            }
            try await writer.finish(nil)
        }
        return Response(
            status: .init(code: Int(answer.status.code)), headers: UpstreamClient.fields(of: answer), body: body)
    }

    /// The pieces of a body.
    private final class BodySource: @unchecked Sendable {
        // Safe to send: one piece is asked for at a time, and waited for.
        private var iterator: HTTPClientResponse.Body.AsyncIterator

        init(_ response: HTTPClientResponse) { iterator = response.body.makeAsyncIterator() }

        func next() async throws -> ByteBuffer? { try await iterator.next() }
    }
}
