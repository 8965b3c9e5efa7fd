/// The values of one row of a table or an index, as SQLite packs them.
struct SQLiteRecord {
    enum Value {
        case null
        case integer(Int64)
        /// Place of the bytes in the payload.
        case text(Range<Int>)
        case blob(Range<Int>)
    }

    let payload: [UInt8]
    let values: [Value]

    /// `nil` when the bytes are not one packed row from the first to the last.
    init?(_ payload: [UInt8]) {
        self.payload = payload
        var values: [Value] = []
        let isWhole = payload.withUnsafeBytes { bytes -> Bool in
            guard let head = bytes.varint(at: 0), head.value <= UInt64(bytes.count) else { return false }
            var place = head.end
            var body = Int(head.value)
            while place < Int(head.value) {
                guard let type = bytes.varint(at: place), type.end <= Int(head.value),
                    let (value, end) = Self.value(bytes, type.value, at: body)
                else { return false }
                values.append(value)
                place = type.end
                body = end
            }
            return body == bytes.count
        }
        guard isWhole else { return nil }
        self.values = values
    }

    private static func value(_ bytes: UnsafeRawBufferPointer, _ type: UInt64, at start: Int) -> (Value, Int)? {
        switch type {
        case 0: return (.null, start)
        case 1...6:
            let size = [1, 2, 3, 4, 6, 8][Int(type) - 1]
            guard start + size <= bytes.count else { return nil }
            var number = Int64(Int8(bitPattern: bytes[start]))
            for place in start + 1..<start + size { number = number << 8 | Int64(bytes[place]) }
            return (.integer(number), start + size)
        case 8, 9: return (.integer(Int64(type) - 8), start)
        case 12...:
            let size = (type - (type % 2 == 0 ? 12 : 13)) / 2
            guard size <= UInt64(bytes.count - start) else { return nil }
            let range = start..<start + Int(size)
            return (type % 2 == 0 ? .blob(range) : .text(range), range.upperBound)
        default: return nil
        }
    }

    func integer(_ column: Int) -> Int64? {
        guard column < values.count, case .integer(let number) = values[column] else { return nil }
        return number
    }

    func text(_ column: Int) -> String? {
        guard column < values.count, case .text(let range) = values[column] else { return nil }
        return String(decoding: payload[range], as: UTF8.self)
    }

    func blob(_ column: Int) -> ArraySlice<UInt8>? {
        guard column < values.count, case .blob(let range) = values[column] else { return nil }
        return payload[range]
    }

    func isNull(_ column: Int) -> Bool {
        guard column < values.count, case .null = values[column] else { return false }
        return true
    }
}
