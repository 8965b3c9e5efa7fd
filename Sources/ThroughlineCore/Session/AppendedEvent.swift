/// The encoding of `part.appended`, byte for byte that of ``Event/encoded``, without a writer in between.
enum AppendedEvent {
    struct Head {
        var sequence: SequenceNumber
        var at: Timestamp
        var run: RunID
        var part: PartID
        var offset: Int
    }

    /// - Parameter plain: Text that is its own JSON.
    static func encode(_ head: Head, plain: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        let room = head.room + plain.count
        return [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
            var output = Output(buffer)
            output.write(head)
            output.write(plain)
            output.write(#""}}"#)
            count = output.count
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
    static func encode(run: RunID, number: UInt64) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: run.value.utf8.count + 48) { buffer, count in
            var output = Output(buffer)
            output.write(#"{"run":""#)
            output.write(run.value)
            output.write(#"","write":"#)
            output.write(number)
            output.write("}")
            count = output.count
        }
    }
}

extension AppendedEvent.Head {
    /// Room for everything but the text: the fixed pieces have 75 bytes, each of the three numbers at most 20.
    fileprivate var room: Int { 160 + run.value.utf8.count + part.value.utf8.count }
}

/// Bytes written one behind the other into memory that is known to be enough.
private struct Output {
    private let base: UnsafeMutablePointer<UInt8>
    private(set) var count = 0
    private let capacity: Int

    init(_ buffer: UnsafeMutableBufferPointer<UInt8>) {
        base = buffer.baseAddress!
        capacity = buffer.count
    }

    mutating func write(_ head: AppendedEvent.Head) {
        write(#"{"seq":"#)
        write(head.sequence.rawValue)
        write(#","at":"#)
        write(UInt64(head.at.rawValue))
        write(#","type":"part.appended","run":""#)
        write(head.run.value)
        write(#"","part":{"id":""#)
        write(head.part.value)
        write(#"","offset":"#)
        write(UInt64(head.offset))
        write(#","text":""#)
    }

    mutating func write(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let source = bytes.baseAddress else { return }
        precondition(count + bytes.count <= capacity, "the room for an event was reckoned too small")
        (base + count).update(from: source, count: bytes.count)
        count += bytes.count
    }

    mutating func write(_ word: StaticString) {
        write(UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
    }

    mutating func write(_ text: String) {
        var text = text
        text.withUTF8 { write($0) }
    }

    mutating func write(_ number: UInt64) {
        var rest = number
        var digits = 1
        while rest >= 10 {
            rest /= 10
            digits += 1
        }
        precondition(count + digits <= capacity, "the room for an event was reckoned too small")
        rest = number
        for place in stride(from: count + digits - 1, through: count, by: -1) {
            base[place] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        count += digits
    }
}
