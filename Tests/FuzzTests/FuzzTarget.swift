/// A decoder under attack. Takes any bytes, and throws where a property does not hold; a trap is a finding, too.
///
/// `scripts/fuzz` gives it bytes that a fuzzer makes up, the suite gives it those that are kept in `Tests/Corpus`.
struct FuzzTarget: Sendable {
    let name: String
    let run: @Sendable (UnsafeRawBufferPointer) throws -> Void

    init(_ name: String, _ run: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void) {
        self.name = name
        self.run = run
    }

    static let all: [FuzzTarget] = [
        .json, .mergePatch, .stored, .delivery, .log, .operation, .requestText, .sse, .chatRequest, .chatAnswer,
        .webSocket, .checkpoint, .appendFrame, .stream,
    ]
}

/// A property that does not hold, in words.
struct Violation: Error, CustomStringConvertible {
    let description: String
}

func require(_ condition: Bool, _ property: @autoclosure () -> String) throws(Violation) {
    if !condition { throw Violation(description: property()) }
}

/// Reads decisions from the bytes of a fuzzer, so that a target can build something that is valid. At the end all are zero.
struct FuzzInput {
    private var rest: Slice<UnsafeRawBufferPointer>

    init(_ bytes: UnsafeRawBufferPointer) { rest = bytes[...] }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

    /// A number from 0, below `limit`, which is at most 65,536.
    mutating func below(_ limit: Int) -> Int {
        let low = Int(byte())
        return (limit > 256 ? low | Int(byte()) << 8 : low) % limit
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        let taken = rest.prefix(count)
        rest = rest.dropFirst(taken.count)
        return Array(taken)
    }

    /// Text of about so many bytes: what is no UTF-8 is repaired.
    mutating func text(_ count: Int) -> String { String(decoding: bytes(count), as: UTF8.self) }

    mutating func remainder() -> [UInt8] { bytes(rest.count) }
}
