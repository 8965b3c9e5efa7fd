import ThroughlineCore

/// The first frame of a gateway's run: what the upstream's answer is. It is kept with the others and shown to nobody.
struct FrameHead: Hashable, Sendable {
    var status: Int
    /// A stream is given on frame by frame. Anything else is one body, kept in pieces.
    var isStream: Bool
    var contentType: String
    var retryAfter: String?

    init(status: Int, isStream: Bool, contentType: String, retryAfter: String? = nil) {
        self.status = status
        self.isStream = isStream
        self.contentType = contentType
        self.retryAfter = retryAfter
    }

    var encoded: [UInt8] {
        JSONWriter.object {
            $0.key("head")
            $0.object {
                $0.field("status", status)
                $0.key("stream")
                $0.boolean(isStream)
                $0.field("contentType", contentType)
                $0.field("retryAfter", retryAfter)
            }
        }
    }

    /// `nil` if the frame is none.
    init?(_ frame: [UInt8]) {
        guard let head = try? JSONDocument.parse(frame)["head"], let status = head["status"]?.integer,
            let isStream = head["stream"]?.boolean, let contentType = head["contentType"]?.string
        else { return nil }
        self.init(
            status: Int(status), isStream: isStream, contentType: contentType, retryAfter: head["retryAfter"]?.string)
    }
}
