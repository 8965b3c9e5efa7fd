import Foundation
import ThroughlineCore

/// Times as RFC 3339 writes them, from the first whole year of the calendar, 1583, to 9999.
enum RFC3339 {
    private static let range: Range<Int64> = -12_212_553_600_000..<253_402_300_800_000
    private static let style = Date.ISO8601FormatStyle()

    /// Fractions of a millisecond are left away. `nil` for what is no such time.
    static func parse(_ text: String) -> Timestamp? {
        guard (20...40).contains(text.utf8.count) else { return nil }
        let text = text.uppercased()
        // What is written anew in the same way is a time of the calendar, and in its one form.
        let wall = text.prefix(19) + "Z"
        guard let date = try? style.parse(String(wall)), date.formatted(style) == wall else { return nil }
        var rest = text.dropFirst(19)
        guard let fraction = milliseconds(&rest), let offset = offset(rest) else { return nil }
        let milliseconds = (Int64(date.timeIntervalSince1970) - offset) * 1_000 + fraction
        return range.contains(milliseconds) ? Timestamp(milliseconds: milliseconds) : nil
    }

    /// In UTC, with milliseconds where there are any.
    static func text(_ time: Timestamp) -> String {
        let (seconds, fraction) = time.rawValue.quotientAndRemainder(dividingBy: 1_000)
        let whole = Date(timeIntervalSince1970: Double(fraction < 0 ? seconds - 1 : seconds)).formatted(style)
        if fraction == 0 { return whole }
        let digits = String(fraction < 0 ? fraction + 1_000 : fraction)
        return whole.dropLast() + "." + String(repeating: "0", count: 3 - digits.count) + digits + "Z"
    }

    /// Takes away a point and digits, if they are there.
    private static func milliseconds(_ rest: inout Substring) -> Int64? {
        guard rest.first == "." else { return 0 }
        let digits = rest.dropFirst().prefix { "0"..."9" ~= $0 }
        rest = rest.dropFirst(1 + digits.count)
        if digits.isEmpty { return nil }
        return Int64(digits.prefix(3) + String(repeating: "0", count: max(0, 3 - digits.count)))
    }

    /// How many seconds local time is ahead of UTC: `Z`, or a sign, hours, a colon and minutes.
    private static func offset(_ text: Substring) -> Int64? {
        if text == "Z" { return 0 }
        let parts = text.dropFirst().split(separator: ":", omittingEmptySubsequences: false)
        guard let sign: Int64 = ["+": 1, "-": -1][text.first], parts.count == 2, parts.allSatisfy({ $0.count == 2 }),
            let hours = UInt64(digits: parts[0]), let minutes = UInt64(digits: parts[1]), hours < 24, minutes < 60
        else { return nil }
        return sign * Int64(hours * 3_600 + minutes * 60)
    }
}
