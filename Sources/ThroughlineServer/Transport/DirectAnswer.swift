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
