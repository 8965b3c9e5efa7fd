/// One pass over a JSON text: checks everything, notes where each value stands.
struct JSONScanner {
    private let bytes: UnsafeBufferPointer<UInt8>
    private let maximumDepth: Int
    private var position = 0
    private(set) var nodes: [JSONDocument.Node] = []

    init(bytes: UnsafeBufferPointer<UInt8>, maximumDepth: Int) {
        self.bytes = bytes
        self.maximumDepth = maximumDepth
        nodes.reserveCapacity(16)
    }

    mutating func scanDocument() throws(JSONError) {
        skipWhitespace()
        try scanValue(depth: 0)
        skipWhitespace()
        guard position == bytes.count else { throw .invalid(at: position) }
    }

    private mutating func scanValue(depth: Int) throws(JSONError) {
        guard position < bytes.count else { throw .invalid(at: position) }
        switch bytes[position] {
        case UInt8(ascii: "{"): try scanObject(depth: depth + 1)
        case UInt8(ascii: "["): try scanArray(depth: depth + 1)
        case UInt8(ascii: "\""): try scanString()
        case UInt8(ascii: "t"): try scanWord("true", .yes)
        case UInt8(ascii: "f"): try scanWord("false", .no)
        case UInt8(ascii: "n"): try scanWord("null", .null)
        default: try scanNumber()
        }
    }

    private mutating func open(_ kind: JSONDocument.Node.Kind, depth: Int) throws(JSONError) -> Int {
        guard depth <= maximumDepth else { throw .tooDeep(at: position) }
        nodes.append(.init(kind: kind, start: UInt32(position), end: 0, next: 0, count: 0))
        position += 1
        skipWhitespace()
        return nodes.count - 1
    }

    private mutating func close(_ node: Int, count: UInt32) {
        nodes[node].end = UInt32(position)
        nodes[node].next = UInt32(nodes.count)
        nodes[node].count = count
    }

    private mutating func scanObject(depth: Int) throws(JSONError) {
        let node = try open(.object, depth: depth)
        var count: UInt32 = 0
        if !take(UInt8(ascii: "}")) {
            repeat {
                skipWhitespace()
                guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
                    throw .invalid(at: position)
                }
                try scanString()
                skipWhitespace()
                guard take(UInt8(ascii: ":")) else { throw .invalid(at: position) }
                skipWhitespace()
                try scanValue(depth: depth)
                skipWhitespace()
                count += 1
            } while take(UInt8(ascii: ","))
            guard take(UInt8(ascii: "}")) else { throw .invalid(at: position) }
        }
        close(node, count: count)
    }

    private mutating func scanArray(depth: Int) throws(JSONError) {
        let node = try open(.array, depth: depth)
        var count: UInt32 = 0
        if !take(UInt8(ascii: "]")) {
            repeat {
                skipWhitespace()
                try scanValue(depth: depth)
                skipWhitespace()
                count += 1
            } while take(UInt8(ascii: ","))
            guard take(UInt8(ascii: "]")) else { throw .invalid(at: position) }
        }
        close(node, count: count)
    }

    private mutating func leaf(_ kind: JSONDocument.Node.Kind, from start: Int, to end: Int) {
        nodes.append(
            .init(kind: kind, start: UInt32(start), end: UInt32(end), next: UInt32(nodes.count + 1), count: 0))
    }

    private mutating func scanWord(_ word: StaticString, _ kind: JSONDocument.Node.Kind) throws(JSONError) {
        let start = position
        for offset in 0..<word.utf8CodeUnitCount {
            guard position < bytes.count, bytes[position] == word.utf8Start[offset] else {
                throw .invalid(at: position)
            }
            position += 1
        }
        leaf(kind, from: start, to: position)
    }

    private mutating func scanNumber() throws(JSONError) {
        let start = position
        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) { try scanDigits() }
        if take(UInt8(ascii: ".")) { try scanDigits() }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try scanDigits()
        }
        leaf(.number, from: start, to: position)
    }

    private mutating func scanDigits() throws(JSONError) {
        let start = position
        while position < bytes.count, bytes[position] &- 0x30 < 10 { position += 1 }
        guard position > start else { throw .invalid(at: position) }
    }

    private mutating func scanString() throws(JSONError) {
        position += 1
        let start = position
        var isEscaped = false
        while position < bytes.count {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "\""):
                leaf(isEscaped ? .escapedString : .string, from: start, to: position)
                position += 1
                return
            case UInt8(ascii: "\\"):
                isEscaped = true
                try scanEscape()
            case 0..<0x20:
                throw .invalid(at: position)
            case 0x80...:
                let length = UTF8Check.sequenceLength(in: bytes, at: position)
                guard length > 0 else { throw .invalidUTF8(at: position) }
                position += length
            default:
                position += 1
            }
        }
        throw .invalid(at: position)
    }

    private mutating func scanEscape() throws(JSONError) {
        guard position + 1 < bytes.count else { throw .invalid(at: position) }
        switch bytes[position + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 2
        case UInt8(ascii: "u"):
            try scanUnicodeEscape()
        default:
            throw .invalid(at: position)
        }
    }

    private mutating func scanUnicodeEscape() throws(JSONError) {
        let unit = JSONEscape.hexUnit(in: bytes, at: position)
        guard unit >= 0 else { throw .invalid(at: position) }
        switch unit {
        case 0xD800...0xDBFF:
            let low = JSONEscape.hexUnit(in: bytes, at: position + 6)
            guard (0xDC00...0xDFFF).contains(low) else { throw .loneSurrogate(at: position) }
            position += 12
        case 0xDC00...0xDFFF:
            throw .loneSurrogate(at: position)
        default:
            position += 6
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipWhitespace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }
}
