/// Puts characters together that an upstream cut in two JSON escapes: `"\ud83c"` in one delta, `"\udf0a"` in the next.
///
/// Such a half is no character, so a strict parser refuses it. ``mark(_:)`` lets each half stand for itself, as one of the
/// 2,048 last code points of Unicode, until ``join(_:)`` sees the other one.
struct SurrogateJoiner: Sendable {
    private static let firstMark: UInt32 = 0x10F800
    private var high: UInt32?

    /// The JSON text with every half of a pair that stands alone replaced by its mark.
    static func mark(_ json: [UInt8]) -> [UInt8] {
        var marked: [UInt8] = []
        marked.reserveCapacity(json.count)
        var index = 0
        while index < json.count {
            guard json[index] == UInt8(ascii: "\\"), index + 1 < json.count else {
                marked.append(json[index])
                index += 1
                continue
            }
            let length = escapeLength(json, at: index)
            if length == 6, let unit = unit(json, at: index), (0xD800...0xDFFF).contains(unit) {
                append(mark: unit, to: &marked)
            } else {
                marked.append(contentsOf: json[index..<min(index + length, json.count)])
            }
            index += length
        }
        return marked
    }

    /// 12 for a pair of surrogates, 6 for another `\uXXXX`, 2 for any other escape.
    private static func escapeLength(_ json: [UInt8], at index: Int) -> Int {
        guard let unit = unit(json, at: index) else { return 2 }
        guard (0xD800...0xDBFF).contains(unit), let low = self.unit(json, at: index + 6) else { return 6 }
        return (0xDC00...0xDFFF).contains(low) ? 12 : 6
    }

    private static func unit(_ json: [UInt8], at index: Int) -> UInt32? {
        guard index + 6 <= json.count, json[index] == UInt8(ascii: "\\"), json[index + 1] == UInt8(ascii: "u") else {
            return nil
        }
        return UInt32(String(decoding: json[index + 2..<index + 6], as: UTF8.self), radix: 16)
    }

    private static func append(mark unit: UInt32, to bytes: inout [UInt8]) {
        guard let scalar = Unicode.Scalar(firstMark + unit - 0xD800) else { return }
        bytes.append(contentsOf: Array(String(scalar).utf8))
    }

    /// The text with the halves put together. One whose other half is missing becomes U+FFFD; a first half at the end is
    /// held back for the next text.
    mutating func join(_ text: [UInt8]) -> [UInt8] {
        guard !text.isEmpty else { return text }
        var joined = String.UnicodeScalarView()
        for scalar in String(decoding: text, as: UTF8.self).unicodeScalars { take(scalar, into: &joined) }
        return Array(String(joined).utf8)
    }

    /// Whether a first half is held back.
    var isWaiting: Bool { high != nil }

    /// What is left when nothing more comes.
    mutating func finish() -> [UInt8] {
        defer { high = nil }
        return high == nil ? [] : Array("\u{FFFD}".utf8)
    }

    private mutating func take(_ scalar: Unicode.Scalar, into joined: inout String.UnicodeScalarView) {
        let half = scalar.value >= Self.firstMark ? scalar.value - Self.firstMark + 0xD800 : nil
        if let first = high {
            high = nil
            if let half, half >= 0xDC00, let whole = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + half - 0xDC00) {
                joined.append(whole)
                return
            }
            joined.append("\u{FFFD}")
        }
        switch half {
        case nil: joined.append(scalar)
        case .some(let half) where half < 0xDC00: high = half
        default: joined.append("\u{FFFD}")
        }
    }
}
