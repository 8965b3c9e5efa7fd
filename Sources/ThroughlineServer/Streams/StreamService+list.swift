import NIOCore
import ThroughlineCore
import ThroughlineEngine

extension StreamService {
    /// `GET /v1/stream`: the streams whose paths begin with something, in order.
    func list(_ target: StreamTarget, _ completion: @escaping Completion) throws(Refusal) {
        let prefix = try target.parameter("prefix") ?? ""
        let after = try target.parameter("after")
        guard prefix.utf8.count <= StreamPath.maximumBytes, (after?.utf8.count ?? 0) <= StreamPath.maximumBytes else {
            throw Refusal(.fieldInvalid, "prefix and after have \(StreamPath.maximumBytes) bytes at most.")
        }
        var limit = 100
        if let text = try target.parameter("limit") {
            guard let number = Int(digits: text), (1...1_000).contains(number) else {
                throw Refusal(.fieldInvalid, "limit is a number from 1 to 1000.")
            }
            limit = number
        }
        streams.list(prefix: prefix, after: after, limit: limit + 1) { [limit] found in
            let hasMore = found.count > limit
            let shown = found.prefix(limit)
            let json = JSONWriter.object {
                $0.field("prefix", prefix)
                $0.key("streams")
                $0.array(shown) { $0.stream($1) }
                if hasMore { $0.field("next_cursor", shown.last?.summary.path.value) }
                $0.key("has_more")
                $0.boolean(hasMore)
            }
            completion(
                .whole(
                    StreamReply(
                        200, [("content-type", "application/json"), ("cache-control", "no-store")],
                        body: ByteBuffer(bytes: json))))
        }
    }
}

extension JSONWriter {
    fileprivate mutating func stream(_ standing: StreamStanding) {
        object {
            $0.field("stream_id", standing.summary.path.value)
            $0.field("status", standing.isClosed ? "Closed" : "Open")
            $0.field("content_type", standing.summary.settings.contentType)
            $0.field("tail_offset", standing.tail.description)
            $0.field("created_at_ms", standing.summary.created.rawValue)
        }
    }
}
