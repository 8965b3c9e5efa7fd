/// Checks of UTF-8, RFC 3629: no overlong form, no surrogate, nothing over U+10FFFF.
public enum UTF8Check {
    /// The length of the sequence that starts at `index`, 1 to 4, or 0 if it is not valid or not whole.
    @inlinable
    public static func sequenceLength(in bytes: UnsafeBufferPointer<UInt8>, at index: Int) -> Int {
        let first = bytes[index]
        if first < 0x80 { return 1 }
        let length = expectedLength(of: first)
        guard length > 0, index + length <= bytes.count else { return 0 }
        let second = bytes[index + 1]
        switch first {
        case 0xE0: guard second >= 0xA0, second <= 0xBF else { return 0 }
        case 0xED: guard second >= 0x80, second <= 0x9F else { return 0 }
        case 0xF0: guard second >= 0x90, second <= 0xBF else { return 0 }
        case 0xF4: guard second >= 0x80, second <= 0x8F else { return 0 }
        default: guard second & 0xC0 == 0x80 else { return 0 }
        }
        for offset in 2..<max(length, 2) where bytes[index + offset] & 0xC0 != 0x80 { return 0 }
        return length
    }

    /// Whether all of it is whole characters.
    public static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.withMemoryRebound(to: UInt8.self) { bytes in
            var index = 0
            while index < bytes.count {
                let length = sequenceLength(in: bytes, at: index)
                if length == 0 { return false }
                index += length
            }
            return true
        }
    }

    /// How long a sequence is that starts with this byte; 0 if none does.
    @inlinable
    public static func expectedLength(of first: UInt8) -> Int {
        switch first {
        case 0..<0x80: 1
        case 0xC2...0xDF: 2
        case 0xE0...0xEF: 3
        case 0xF0...0xF4: 4
        default: 0
        }
    }

    /// How many bytes at the end of `bytes` are the start of a character that is not whole yet: 0 to 3.
    public static func incompleteSuffix(of bytes: ArraySlice<UInt8>) -> Int {
        for back in 1...3 {
            guard bytes.count >= back else { return 0 }
            let byte = bytes[bytes.endIndex - back]
            if byte & 0xC0 == 0x80 { continue }
            return expectedLength(of: byte) > back ? back : 0
        }
        return 0
    }
}
