/// Reads the query of a request's target, for what is decided before there is a router.
enum QueryText {
    /// The first parameter of that name, decoded; `nil` where there is none, and where it is no UTF-8.
    static func parameter(_ name: String, of uri: String) -> String? {
        guard let query = uri.cut(at: "?", maxSplits: 1).dropFirst().first else { return nil }
        for pair in query.cut(at: "&") {
            let parts = pair.cut(at: "=", maxSplits: 1)
            if parts.count == 2, parts[0] == name, !parts[1].isEmpty { return decode(parts[1]) }
        }
        return nil
    }

    /// Decodes `+` and `%XX`; `nil` if that is no UTF-8.
    static func decode(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let value = hexByte(rest.prefix(2)) {
                bytes.append(value)
                rest.removeFirst(2)
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func hexByte(_ digits: Substring.UTF8View) -> UInt8? {
        guard digits.count == 2 else { return nil }
        var value: UInt8 = 0
        for digit in digits {
            guard let number = Character(Unicode.Scalar(digit)).hexDigitValue else { return nil }
            value = value << 4 | UInt8(number)
        }
        return value
    }
}
