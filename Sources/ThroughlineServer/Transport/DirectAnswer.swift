import NIOCore
import NIOHTTP1
import ThroughlineCore
import ThroughlineEngine

/// The answers, as the router's would look.
enum DirectAnswer {
    static func encode(_ result: Result<Answer, Refusal>, isLast: Bool) -> ByteBuffer {
        switch result {
        case .success(let answer):
            return encode(answer.status.rawValue, "application/json", answer.body, more: "", isLast)
        case .failure(let refusal):
            let more = refusal.code == .stopping ? "retry-after: 1\r\n" : ""
            return encode(refusal.code.status, "application/problem+json", refusal.problem, more: more, isLast)
        }
    }

    /// The head of an answer on a durable stream, with the length of its body.
    static func encodeHead(_ reply: StreamReply, of method: StreamRequest.Method, isLast: Bool) -> ByteBuffer {
        var buffer = begin(reply)
        // Neither of these has a body, and a HEAD says nothing of the one that a GET would get.
        if reply.status != 204, reply.status != 304, method != .head || reply.body.readableBytes > 0 {
            buffer.writeString("content-length: \(reply.body.readableBytes)\r\n")
        }
        if isLast { buffer.writeStaticString("connection: close\r\n") }
        buffer.writeStaticString("\r\n")
        return buffer
    }

    /// The head of server-sent events, which come in chunks.
    static func encodeEventsHead(_ reply: StreamReply, isLast: Bool) -> ByteBuffer {
        var buffer = begin(reply)
        buffer.writeStaticString("transfer-encoding: chunked\r\n")
        if isLast { buffer.writeStaticString("connection: close\r\n") }
        buffer.writeStaticString("\r\n")
        return buffer
    }

    private static func begin(_ reply: StreamReply) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: 512)
        // What appends and reads are answered with.
        switch reply.status {
        case 200: buffer.writeStaticString("HTTP/1.1 200 OK\r\n")
        case 204: buffer.writeStaticString("HTTP/1.1 204 No Content\r\n")
        default:
            let reason = HTTPResponseStatus(statusCode: reply.status).reasonPhrase
            buffer.writeString("HTTP/1.1 \(reply.status) \(reason)\r\n")
        }
        for (name, value) in StreamReply.guards { write(name, value, to: &buffer) }
        for (name, value) in reply.headers { write(name, value, to: &buffer) }
        return buffer
    }

    private static func write(_ name: String, _ value: String, to buffer: inout ByteBuffer) {
        buffer.writeString(name)
        buffer.writeStaticString(": ")
        buffer.writeString(value)
        buffer.writeStaticString("\r\n")
    }

    private static func encode(
        _ status: Int, _ type: String, _ body: [UInt8], more: String, _ isLast: Bool
    ) -> ByteBuffer {
        let reason = HTTPResponseStatus(statusCode: status).reasonPhrase
        var buffer = ByteBufferAllocator().buffer(capacity: 192 + body.count)
        buffer.writeString("HTTP/1.1 \(status) \(reason)\r\ncontent-type: \(type)\r\ncache-control: no-store\r\n")
        buffer.writeString("content-length: \(body.count)\r\n")
        buffer.writeString(more)
        if isLast { buffer.writeString("connection: close\r\n") }
        buffer.writeString("\r\n")
        buffer.writeBytes(body)
        return buffer
    }
}
