/// A place in a durable stream: how many messages are before it. Opaque to clients, who may compare two as texts.
///
/// Written as two numbers of 16 digits, `0000000000000000_0000000000000042`. The first is 0: it is there for the day when a
/// stream has to be numbered anew.
public struct StreamOffset: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var position: UInt64

    public init(_ position: UInt64) { self.position = position }

    public static let start = StreamOffset(0)
    private static let generation = "0000000000000000_"

    /// Reads what ``description`` wrote; `nil` for anything else.
    public init?(_ text: some StringProtocol) {
        guard text.utf8.count == 33, text.hasPrefix(Self.generation), let position = UInt64(digits: text.dropFirst(17))
        else { return nil }
        self.position = position
    }

    public var description: String {
        guard position < 10_000_000_000_000_000 else { return Self.generation + String(position) }
        return String(unsafeUninitializedCapacity: 33) { bytes in
            bytes.initialize(repeating: UInt8(ascii: "0"))
            bytes[16] = UInt8(ascii: "_")
            var rest = position
            var index = 32
            while rest > 0 {
                bytes[index] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
                index -= 1
            }
            return 33
        }
    }

    public static func < (left: Self, right: Self) -> Bool { left.position < right.position }
}
