import ThroughlineCore

/// Cuts a stream of bytes into lines that end with a line feed, and leaves out the blank ones.
struct LineSplitter: Sendable {
    private let limit: Int
    private var line: [UInt8] = []

    /// - Parameter limit: The most bytes of a line.
    init(limit: Int) { self.limit = limit }

    /// Takes the next byte, and returns the line that it ends.
    mutating func take(_ byte: UInt8) throws(Refusal) -> [UInt8]? {
        if byte == UInt8(ascii: "\n") { return finish() }
        guard line.count < limit else { throw Refusal(.tooLarge, "A line is larger than \(limit) bytes.") }
        line.append(byte)
        return nil
    }

    /// The line that was begun, when no more comes.
    mutating func finish() -> [UInt8]? {
        defer { line = [] }
        let isBlank = line.allSatisfy { $0 == 0x20 || $0 == 0x0D || $0 == 0x09 }
        return isBlank ? nil : line
    }
}
