/// The place of an event in its session: 1, 2, 3, ... with no gap. Zero stands before the first event.
public struct SequenceNumber: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    public var rawValue: UInt64

    @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
    @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// Before the first event.
    public static let zero = SequenceNumber(0)

    @inlinable public var next: SequenceNumber { SequenceNumber(rawValue + 1) }
    @inlinable public func advanced(by count: Int) -> SequenceNumber { SequenceNumber(rawValue + UInt64(count)) }
    @inlinable public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    public var description: String { String(rawValue) }
}
