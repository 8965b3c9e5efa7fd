extension UnsafeRawBufferPointer {
    /// Reads an integer, high byte first, as SQLite's files have them. The caller has checked the bounds.
    func big<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Value.Type, at offset: Int) -> Value {
        Value(bigEndian: loadUnaligned(fromByteOffset: offset, as: Value.self))
    }

    /// SQLite's integer of one to nine bytes, and where it ends; `nil` when the bytes end before it does.
    func varint(at start: Int) -> (value: UInt64, end: Int)? {
        var value: UInt64 = 0
        for position in 0..<9 {
            guard start >= 0, start + position < count else { return nil }
            let byte = self[start + position]
            if position == 8 { return (value << 8 | UInt64(byte), start + 9) }
            value = value << 7 | UInt64(byte & 0x7f)
            if byte < 0x80 { return (value, start + position + 1) }
        }
        return nil
    }
}
