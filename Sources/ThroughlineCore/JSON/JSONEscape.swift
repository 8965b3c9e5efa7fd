/// The escapes of JSON strings, both ways.
enum JSONEscape {
    /// The code unit of the `\uXXXX` at `index`, or -1 if there is none.
    static func hexUnit(in bytes: UnsafeBufferPointer<UInt8>, at index: Int) -> Int {
        guard index + 6 <= bytes.count, bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u") else {
            return -1
        }
        var unit = 0
        for offset in 2..<6 {
            guard let digit = hexDigit(bytes[index + offset]) else { return -1 }
            unit = unit << 4 | digit
        }
        return unit
    }

    private static func hexDigit(_ byte: UInt8) -> Int? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte - 0x30)
        case UInt8(ascii: "a")...UInt8(ascii: "f"): Int(byte - 0x57)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): Int(byte - 0x37)
        default: nil
        }
    }

    /// Decodes a string that the scanner has accepted.
    static func decode(_ bytes: UnsafeBufferPointer<UInt8>, into output: inout [UInt8]) {
        output.reserveCapacity(output.count + bytes.count)
        var index = 0
        while index < bytes.count {
            guard bytes[index] == UInt8(ascii: "\\") else {
                output.append(bytes[index])
                index += 1
                continue
            }
            switch bytes[index + 1] {
            case UInt8(ascii: "b"): output.append(0x08)
            case UInt8(ascii: "f"): output.append(0x0C)
            case UInt8(ascii: "n"): output.append(0x0A)
            case UInt8(ascii: "r"): output.append(0x0D)
            case UInt8(ascii: "t"): output.append(0x09)
            case UInt8(ascii: "u"):
                index += decodeUnicode(bytes, at: index, into: &output)
                continue
            default: output.append(bytes[index + 1])
            }
            index += 2
        }
    }

    private static func decodeUnicode(
        _ bytes: UnsafeBufferPointer<UInt8>, at index: Int, into output: inout [UInt8]
    ) -> Int {
        let unit = hexUnit(in: bytes, at: index)
        guard (0xD800...0xDBFF).contains(unit) else {
            append(UInt32(unit), to: &output)
            return 6
        }
        let low = hexUnit(in: bytes, at: index + 6)
        append(UInt32(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)), to: &output)
        return 12
    }

    private static func append(_ scalar: UInt32, to output: inout [UInt8]) {
        guard let scalar = Unicode.Scalar(scalar) else { preconditionFailure("the scanner let U+\(scalar) pass") }
        output.append(contentsOf: UTF8.encode(scalar).unsafelyUnwrapped)
    }

    private static let hexDigits: StaticString = "0123456789abcdef"

    /// Appends UTF-8 text as the inside of a JSON string.
    static func encode(_ bytes: UnsafeBufferPointer<UInt8>, into output: inout [UInt8]) {
        var clean = 0
        for index in bytes.indices {
            let byte = bytes[index]
            guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
            output.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[clean..<index]))
            appendEscape(of: byte, to: &output)
            clean = index + 1
        }
        output.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[clean...]))
    }

    private static func appendEscape(of byte: UInt8, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\\"))
        switch byte {
        case 0x08: output.append(UInt8(ascii: "b"))
        case 0x09: output.append(UInt8(ascii: "t"))
        case 0x0A: output.append(UInt8(ascii: "n"))
        case 0x0C: output.append(UInt8(ascii: "f"))
        case 0x0D: output.append(UInt8(ascii: "r"))
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): output.append(byte)
        default:
            output.append(contentsOf: [UInt8(ascii: "u"), 0x30, 0x30])
            output.append(hexDigits.utf8Start[Int(byte >> 4)])
            output.append(hexDigits.utf8Start[Int(byte & 15)])
        }
    }
}
