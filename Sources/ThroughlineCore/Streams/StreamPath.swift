/// Where a durable stream is, below `/v1/stream/`: `builds/42/log`. 1 to 1,024 bytes of UTF-8, in segments.
///
/// A segment is not empty, not `.` and not `..`, and has no control character. The first one is not `__ds`, which the protocol
/// keeps for itself.
public struct StreamPath: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let value: String

    public static let maximumBytes = 1_024

    public init?(_ text: some StringProtocol) {
        guard (1...Self.maximumBytes).contains(text.utf8.count) else { return nil }
        var value = String(text)
        guard value.withUTF8({ Self.isLegal($0) }) else { return nil }
        self.value = value
    }

    private static func isLegal(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var start = 0
        for index in 0...bytes.count {
            if index < bytes.count, bytes[index] != UInt8(ascii: "/") {
                guard bytes[index] >= 0x20, bytes[index] != 0x7F else { return false }
                continue
            }
            let segment = UnsafeBufferPointer(rebasing: bytes[start..<index])
            let isDots = segment.count <= 2 && segment.allSatisfy { $0 == UInt8(ascii: ".") }
            if segment.isEmpty || isDots || start == 0 && segment.elementsEqual(reserved.utf8) { return false }
            start = index + 1
        }
        return true
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
