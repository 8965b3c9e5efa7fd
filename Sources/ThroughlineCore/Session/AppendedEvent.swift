/// The encoding of `part.appended`, byte for byte that of ``Event/encoded``, without a writer in between.
enum AppendedEvent {
    struct Head {
        var sequence: SequenceNumber
        var at: Timestamp
        var offset: Int
        /// What ``AppendedEvent/middle(run:part:)`` gave.
        var middle: [UInt8]
    }

    /// What the events of a run's part have between their time and their offset.
    static func middle(run: RunID, part: PartID) -> [UInt8] {
        Array(#","type":"part.appended","run":"\#(run.value)","part":{"id":"\#(part.value)","offset":"#.utf8)
    }

    /// - Parameter plain: Text that is its own JSON.
    static func encode(_ head: Head, plain: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        let (sequence, at, offset) = (head.sequence.rawValue, UInt64(head.at.rawValue), UInt64(head.offset))
        let numbers = Output.digits(sequence) + Output.digits(at) + Output.digits(offset)
        // 25 are the fixed pieces.
        return Output.bytes(25 + numbers + head.middle.count + plain.count) { output in
            output.write(#"{"seq":"#)
            output.write(sequence)
            output.write(#","at":"#)
            output.write(at)
            output.write(head.middle)
            output.write(offset)
            output.write(#","text":""#)
            output.write(plain)
            output.write(#""}}"#)
        }
    }

    static func encode(_ head: Head, text: [UInt8]) -> [UInt8] {
        var inside: [UInt8] = []
        inside.reserveCapacity(text.count + 16)
        text.withUnsafeBufferPointer { JSONEscape.encode($0, into: &inside) }
        return inside.withUnsafeBufferPointer { encode(head, plain: $0) }
    }
}

/// The encoding of a note that holds only the number of a write, byte for byte that of ``Note/encoded``.
enum WriteNote {
    /// What the notes of a run begin with.
    static func head(run: RunID) -> [UInt8] { Array(#"{"run":"\#(run.value)","write":"#.utf8) }

    static func encode(_ head: [UInt8], number: UInt64) -> [UInt8] {
        Output.bytes(head.count + Output.digits(number) + 1) { output in
            output.write(head)
            output.write(number)
            output.write("}")
        }
    }
}

/// Bytes written one behind the other into memory that is known to be enough.
private struct Output {
    private let base: UnsafeMutablePointer<UInt8>
    private(set) var count = 0
    private let capacity: Int

    private init(_ buffer: UnsafeMutableBufferPointer<UInt8>) {
        base = buffer.baseAddress!
        capacity = buffer.count
    }

    /// So many bytes, all of them written by the body.
    static func bytes(_ size: Int, _ body: (inout Output) -> Void) -> [UInt8] {
        // Zeroing costs less than an array without content, whose type is looked up each time.
        var bytes = [UInt8](repeating: 0, count: size)
        bytes.withUnsafeMutableBufferPointer { buffer in
            var output = Output(buffer)
            body(&output)
            precondition(output.count == size, "the size of an event was reckoned wrong")
        }
        return bytes
    }

    static func digits(_ number: UInt64) -> Int {
        var digits = 1
        var rest = number
        while rest >= 10 {
            rest /= 10
            digits += 1
        }
        return digits
    }

    mutating func write(_ bytes: [UInt8]) { bytes.withUnsafeBufferPointer { write($0) } }

    mutating func write(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let source = bytes.baseAddress else { return }
        precondition(count + bytes.count <= capacity, "the room for an event was reckoned too small")
        (base + count).update(from: source, count: bytes.count)
        count += bytes.count
    }

    mutating func write(_ word: StaticString) {
        write(UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
    }

    mutating func write(_ number: UInt64) {
        let digits = Self.digits(number)
        precondition(count + digits <= capacity, "the room for an event was reckoned too small")
        var rest = number
        for place in stride(from: count + digits - 1, through: count, by: -1) {
            base[place] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        count += digits
    }
}
