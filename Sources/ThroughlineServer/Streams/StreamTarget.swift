import ThroughlineCore

/// What a request's target names: `/v1/stream/{path}?{query}`.
struct StreamTarget: Sendable {
    static let root = "/v1/stream/"

    /// The path below the root as it came, still escaped.
    let rawPath: Substring
    let query: Substring

    /// `nil` where the target is no stream's.
    init?(_ uri: String) {
        guard uri.hasPrefix(Self.root) else { return nil }
        let rest = uri.dropFirst(Self.root.count)
        let mark = rest.utf8.firstIndex(of: UInt8(ascii: "?")) ?? rest.endIndex
        rawPath = rest[..<mark]
        query = mark == rest.endIndex ? "" : rest[rest.utf8.index(after: mark)...]
    }

    /// Whether it is one of the protocol's own paths.
    var isReserved: Bool { rawPath == StreamPath.reserved || rawPath.hasPrefix(StreamPath.reserved + "/") }

    func path() throws(Refusal) -> StreamPath {
        guard let text = Self.decode(rawPath), let path = StreamPath(text) else {
            throw Refusal(
                .idInvalid,
                "A stream's path has 1 to \(StreamPath.maximumBytes) bytes and no empty segment, no . and no .. in it.")
        }
        return path
    }

    /// The path of a stream that is named by its URL's path, or by that below the root.
    static func path(ofURL text: String) -> StreamPath? {
        let rest =
            text.hasPrefix(root) ? text.dropFirst(root.count) : text.hasPrefix("/") ? text.dropFirst() : text[...]
        return decode(rest).flatMap { StreamPath($0) }
    }

    private static func decode(_ text: Substring) -> String? {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
        return QueryText.decode(Substring(text.replacing("+", with: "%2B")))
    }

    /// The values of a parameter, in their order.
    func parameters(_ name: String) -> [String] {
        if query.isEmpty { return [] }
        return query.cut(at: "&").compactMap { pair in
            let parts = pair.cut(at: "=", maxSplits: 1)
            guard parts[0] == name else { return nil }
            return parts.count == 2 ? QueryText.decode(parts[1]) ?? "\u{0}" : ""
        }
    }

    /// The one value of a parameter.
    func parameter(_ name: String) throws(Refusal) -> String? {
        let values = parameters(name)
        if values.count > 1 { throw Refusal(.fieldInvalid, "The parameter \(name) stands twice.") }
        return values.first
    }

    /// Where to read from: an offset, or one of the words for a place.
    static func offset(
        _ text: String, tail: StreamOffset, start: StreamOffset = .start
    ) throws(Refusal) -> StreamOffset {
        switch text {
        case "-1": return start
        case "now": return tail
        default:
            guard let offset = StreamOffset(text) else {
                throw Refusal(
                    .offsetInvalid,
                    "An offset is one that a Stream-Next-Offset gave, or -1 for the start, or now for the end.")
            }
            return offset
        }
    }
}
