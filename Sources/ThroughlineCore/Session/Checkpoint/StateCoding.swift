/// A value that can be laid out in a checkpoint and read back.
protocol StateCodable {
    func write(to writer: inout StateWriter)
    init(from reader: inout StateReader) throws(StateError)
}

/// The bytes are not what a ``StateWriter`` of this version made.
struct StateError: Error {}

/// Lays values out one behind the other: numbers seven bits a byte, low ones first; everything else with its length in front.
struct StateWriter {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int) { bytes.reserveCapacity(capacity) }

    mutating func number(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func number(_ value: Int) { number(UInt64(bitPattern: Int64(value))) }
    mutating func time(_ value: Timestamp) { number(UInt64(bitPattern: value.rawValue)) }

    mutating func text(_ value: [UInt8]) {
        number(value.count)
        bytes.append(contentsOf: value)
    }

    mutating func text(_ value: String) {
        number(value.utf8.count)
        bytes.append(contentsOf: value.utf8)
    }

    /// Bytes as they are, without a length.
    mutating func raw(_ value: [UInt8]) { bytes.append(contentsOf: value) }

    /// A zero for `nil`, else a one and the value.
    mutating func optional<Value>(_ value: Value?, _ body: (inout StateWriter, Value) -> Void) {
        number(value == nil ? 0 : 1)
        if let value { body(&self, value) }
    }

    mutating func optional(_ value: String?) { optional(value) { $0.text($1) } }

    mutating func list<Items: Collection>(_ items: Items, _ body: (inout StateWriter, Items.Element) -> Void) {
        number(items.count)
        for item in items { body(&self, item) }
    }

    mutating func list(_ items: [some StateCodable]) { list(items) { $1.write(to: &$0) } }
}

/// Reads what a ``StateWriter`` laid out. Whatever the bytes are, it either reads or throws.
struct StateReader {
    private let bytes: [UInt8]
    private var position: Int

    init(_ bytes: [UInt8], from position: Int = 0) {
        self.bytes = bytes
        self.position = position
    }

    var isAtEnd: Bool { position == bytes.count }

    mutating func number() throws(StateError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard position < bytes.count else { throw StateError() }
            let byte = bytes[position]
            position += 1
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
        }
        throw StateError()
    }

    mutating func integer() throws(StateError) -> Int { Int(truncatingIfNeeded: try number()) }
    mutating func time() throws(StateError) -> Timestamp { Timestamp(rawValue: Int64(bitPattern: try number())) }
    mutating func sequence() throws(StateError) -> SequenceNumber { SequenceNumber(try number()) }

    mutating func text() throws(StateError) -> [UInt8] {
        let count = try self.count()
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    mutating func string() throws(StateError) -> String {
        let count = try self.count()
        defer { position += count }
        return bytes.withUnsafeBufferPointer {
            String(decoding: UnsafeBufferPointer(rebasing: $0[position..<position + count]), as: UTF8.self)
        }
    }

    mutating func id<Tag>() throws(StateError) -> Identifier<Tag> { Identifier(unchecked: try string()) }

    mutating func optional<Value>(
        _ body: (inout StateReader) throws(StateError) -> Value
    ) throws(StateError) -> Value? {
        switch try number() {
        case 0: return nil
        case 1: return try body(&self)
        default: throw StateError()
        }
    }

    mutating func optionalString() throws(StateError) -> String? {
        try optional { reader throws(StateError) in try reader.string() }
    }

    mutating func optionalID<Tag>() throws(StateError) -> Identifier<Tag>? {
        try optional { reader throws(StateError) in try reader.id() }
    }

    mutating func list<Value>(
        _ body: (inout StateReader) throws(StateError) -> Value
    ) throws(StateError) -> [Value] {
        let count = try self.count()
        var items: [Value] = []
        items.reserveCapacity(count)
        for _ in 0..<count { items.append(try body(&self)) }
        return items
    }

    mutating func list<Value: StateCodable>() throws(StateError) -> [Value] {
        try list { reader throws(StateError) in try Value(from: &reader) }
    }

    /// One of the cases of an enumeration, by its raw value.
    mutating func name<Value: RawRepresentable<String>>() throws(StateError) -> Value {
        guard let value = Value(rawValue: try string()) else { throw StateError() }
        return value
    }

    /// A number of bytes or of items: everything takes a byte at least, so there are no more than bytes are left.
    private mutating func count() throws(StateError) -> Int {
        let value = try number()
        guard value <= UInt64(bytes.count - position) else { throw StateError() }
        return Int(value)
    }
}
