/// Where a durable stream is, below `/v1/stream/`: `builds/42/log`. 1 to 1,024 bytes of UTF-8, in segments.
///
/// A segment is not empty, not `.` and not `..`, and has no control character. The first one is not `__ds`, which the protocol
/// keeps for itself.
public struct StreamPath: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let value: String

    public static let maximumBytes = 1_024

    public init?(_ text: some StringProtocol) {
        guard (1...Self.maximumBytes).contains(text.utf8.count) else { return nil }
        var isFirst = true
        for segment in text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            guard !segment.isEmpty, segment.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return nil }
            if segment.elementsEqual(".".utf8) || segment.elementsEqual("..".utf8) { return nil }
            if isFirst, segment.elementsEqual(Self.reserved.utf8) { return nil }
            isFirst = false
        }
        value = String(text)
    }

    /// What was checked when it was stored.
    package init(unchecked value: String) { self.value = value }

    /// The first segment of the protocol's own paths.
    public static let reserved = "__ds"

    public static func < (left: Self, right: Self) -> Bool {
        left.value.utf8.lexicographicallyPrecedes(right.value.utf8)
    }
    public var description: String { value }
}

extension StreamID {
    /// The name of a durable stream in the store: an id of its own, since a path can be used again after a deletion and a name
    /// of the store cannot.
    public static let durableStreams = "streams/"

    public var isDurableStream: Bool { rawValue.hasPrefix(Self.durableStreams) }
}
