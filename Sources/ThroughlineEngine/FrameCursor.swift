public import ThroughlineCore

/// A place among a run's frames: `<seq>.<n>`, the n-th frame, from 0, at an event number.
public struct FrameCursor: Hashable, Sendable, CustomStringConvertible {
    public var sequence: SequenceNumber
    public var index: Int

    public init(sequence: SequenceNumber, index: Int) {
        self.sequence = sequence
        self.index = index
    }

    /// `nil` if the text is not `<seq>.<n>`.
    public init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let sequence = UInt64(digits: parts[0]), let index = Int(digits: parts[1])
        else { return nil }
        self.init(sequence: SequenceNumber(sequence), index: index)
    }

    public var description: String { "\(sequence).\(index)" }
}
