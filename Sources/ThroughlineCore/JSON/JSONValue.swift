/// A value in a ``JSONDocument``: a reference to it, cheap to copy.
public struct JSONValue: Sendable {
    let document: JSONDocument
    let index: Int

    var node: JSONDocument.Node { document.nodes[index] }

    public enum Kind: Sendable { case object, array, string, number, boolean, null }

    public var kind: Kind {
        switch node.kind {
        case .object: .object
        case .array: .array
        case .string, .escapedString: .string
        case .number: .number
        case .yes, .no: .boolean
        case .null: .null
        }
    }

    /// Members of an object or elements of an array.
    public var count: Int { Int(node.count) }

    /// The bytes of the value as they stand in the text, quotes included.
    public var source: ArraySlice<UInt8> {
        let node = node
        switch node.kind {
        case .string, .escapedString: return document.text[Int(node.start) - 1..<Int(node.end) + 1]
        default: return document.text[Int(node.start)..<Int(node.end)]
        }
    }

    /// The member of that name; the last, where a name stands twice; `nil` also where this is not an object.
    public subscript(_ name: StaticString) -> JSONValue? {
        guard node.kind == .object else { return nil }
        var found: JSONValue?
        var child = index + 1
        for _ in 0..<node.count {
            let value = JSONValue(document: document, index: child + 1)
            if document.key(at: child, equals: name) { found = value }
            child = Int(value.node.next)
        }
        return found
    }

    /// The members of an object in the order of the text.
    public var members: [(name: String, value: JSONValue)] {
        guard node.kind == .object else { return [] }
        var members: [(name: String, value: JSONValue)] = []
        members.reserveCapacity(count)
        var child = index + 1
        for _ in 0..<node.count {
            let name = JSONValue(document: document, index: child)
            let value = JSONValue(document: document, index: child + 1)
            members.append((name.string ?? "", value))
            child = Int(value.node.next)
        }
        return members
    }

    /// The elements of an array.
    public var elements: [JSONValue] {
        guard node.kind == .array else { return [] }
        var elements: [JSONValue] = []
        elements.reserveCapacity(count)
        var child = index + 1
        for _ in 0..<node.count {
            let value = JSONValue(document: document, index: child)
            elements.append(value)
            child = Int(value.node.next)
        }
        return elements
    }

    public var string: String? { textBytes.map { String(decoding: $0, as: UTF8.self) } }

    /// The text of a string as UTF-8, without escapes.
    public var textBytes: [UInt8]? {
        let node = node
        let range = Int(node.start)..<Int(node.end)
        switch node.kind {
        case .string:
            return Array(document.text[range])
        case .escapedString:
            var decoded: [UInt8] = []
            document.text.withUnsafeBufferPointer { bytes in
                JSONEscape.decode(UnsafeBufferPointer(rebasing: bytes[range]), into: &decoded)
            }
            return decoded
        default:
            return nil
        }
    }

    /// A number without fraction or exponent that fits.
    public var integer: Int64? {
        guard node.kind == .number else { return nil }
        return Int64(String(decoding: source, as: UTF8.self))
    }

    public var boolean: Bool? {
        switch node.kind {
        case .yes: true
        case .no: false
        default: nil
        }
    }

    public var isNull: Bool { node.kind == .null }

    /// The value without the white space between its tokens.
    public var compact: [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(source.count)
        var isInString = false
        var isEscaped = false
        for byte in source {
            if isInString {
                output.append(byte)
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
            } else if byte > 0x20 {
                output.append(byte)
                isInString = byte == UInt8(ascii: "\"")
            }
        }
        return output
    }
}

extension JSONDocument {
    fileprivate func key(at index: Int, equals name: StaticString) -> Bool {
        let node = nodes[index]
        let length = Int(node.end - node.start)
        if node.kind == .escapedString {
            return JSONValue(document: self, index: index).textBytes?.elementsEqual(name.description.utf8) ?? false
        }
        guard length == name.utf8CodeUnitCount else { return false }
        for offset in 0..<length where text[Int(node.start) + offset] != name.utf8Start[offset] { return false }
        return true
    }
}
