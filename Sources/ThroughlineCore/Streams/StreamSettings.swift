/// What a durable stream is created with, and keeps.
public struct StreamSettings: Hashable, Sendable {
    /// As its creator wrote it: readers get it back.
    public var contentType: String
    public var lifetime: StreamLifetime
    /// `nil`: all is kept.
    @Rare public var retention: StreamRetention?
    /// `nil`: no message goes since there is a newer one.
    @Rare public var compaction: StreamCompaction?

    /// Whether no message ever goes.
    public var isKeptWhole: Bool { retention == nil && compaction == nil }

    public static let defaultContentType = "application/octet-stream"

    private static let common = Dictionary(
        uniqueKeysWithValues: [
            defaultContentType, "application/json", "text/plain", "text/plain; charset=utf-8", "application/x-ndjson",
            "text/event-stream", "application/x-protobuf",
        ].map { ($0, $0) })

    /// The same text; one copy of it for all streams, if it is a common one.
    static func shared(_ contentType: String) -> String { common[contentType] ?? contentType }

    fileprivate static func isCommon(_ contentType: String) -> Bool { common[contentType] != nil }

    public init(
        contentType: String = defaultContentType, lifetime: StreamLifetime = .unlimited,
        retention: StreamRetention? = nil, compaction: StreamCompaction? = nil
    ) {
        self.contentType = Self.shared(contentType)
        self.lifetime = lifetime
        self.retention = retention
        self.compaction = compaction
    }

    /// How its bytes are kept and shown.
    public var form: StreamForm { StreamForm(contentType: contentType) }
}

/// What a content type means for a stream.
public enum StreamForm: Sendable {
    /// `application/json`: messages, read as one array.
    case json
    /// `text/*`: bytes that are shown as text in server-sent events.
    case text
    case binary

    public init(contentType: String) {
        // Asked for with every append: these two need not be taken apart.
        if contentType == StreamSettings.defaultContentType {
            self = .binary
            return
        }
        if contentType == "application/json" {
            self = .json
            return
        }
        let type = MediaType.essence(of: contentType)
        self = type == "application/json" ? .json : type.hasPrefix("text/") ? .text : .binary
    }
}

/// Media types, as far as they are compared.
public enum MediaType {
    /// Type and subtype in lower case, without parameters.
    public static func essence(of text: String) -> String {
        let bytes = text.utf8.prefix { $0 != UInt8(ascii: ";") }.filter { $0 != 0x20 && $0 != 0x09 }
        return String(decoding: bytes, as: UTF8.self).lowercased()
    }

    public static func isSame(_ one: String, _ other: String) -> Bool {
        one == other || essence(of: one) == essence(of: other)
    }

    /// Whether a text is a media type that a header may carry: `type/subtype`, at most 255 bytes, parameters allowed.
    public static func isLegal(_ text: String) -> Bool {
        if StreamSettings.isCommon(text) { return true }
        let pieces = essence(of: text).split(separator: "/", omittingEmptySubsequences: false)
        return (3...255).contains(text.utf8.count) && pieces.count == 2 && pieces.allSatisfy { !$0.isEmpty }
            && text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
    }
}

/// How long a durable stream lives.
public enum StreamLifetime: Hashable, Sendable {
    case unlimited
    /// So many seconds after it was last read or written to.
    case idle(seconds: UInt64)
    case until(Timestamp)

    /// What a fork has that asks for `asked`.
    public func inherited(asking asked: StreamLifetime) -> StreamLifetime { asked == .unlimited ? self : asked }
}
