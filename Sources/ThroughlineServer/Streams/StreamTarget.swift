import ThroughlineCore

/// What a request's target names: `/v1/stream/{path}?{query}`.
struct StreamTarget: Sendable {
    static let root = "/v1/stream/"

    /// The path below the root as it came, still escaped.
    let rawPath: Substring
    let query: Substring
    /// Whether it names no stream, but all of them: `/v1/stream?{query}`.
    let isRoot: Bool

    /// `nil` where the target is no stream's.
    init?(_ uri: String) {
        // By bytes: this is on the way of every append.
        guard uri.utf8.starts(with: Self.root.utf8.dropLast()) else { return nil }
        let rest = Substring(uri.utf8.dropFirst(Self.root.utf8.count - 1))
        let mark = rest.utf8.firstIndex(of: UInt8(ascii: "?")) ?? rest.endIndex
        isRoot = mark == rest.startIndex
        guard isRoot || rest.utf8.first == UInt8(ascii: "/") else { return nil }
        rawPath = isRoot ? "" : Substring(rest[..<mark].utf8.dropFirst())
        query = mark == rest.endIndex ? "" : Substring(rest[mark...].utf8.dropFirst())
    }

    /// Whether it is one of the protocol's own paths.
    var isReserved: Bool {
        guard rawPath.utf8.starts(with: StreamPath.reserved.utf8) else { return false }
        let next = rawPath.utf8.dropFirst(StreamPath.reserved.utf8.count).first
        return next == nil || next == UInt8(ascii: "/")
    }

    func path() throws(Refusal) -> StreamPath {
        guard let text = Self.decode(rawPath), let path = StreamPath(text) else { throw Self.illegalPath }
        return path
    }

    static var illegalPath: Refusal {
        Refusal(
            .idInvalid,
            "A stream's path has 1 to \(StreamPath.maximumBytes) bytes and no empty segment, no . and no .. in it.")
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
