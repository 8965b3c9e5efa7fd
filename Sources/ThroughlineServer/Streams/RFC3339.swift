import Foundation
import ThroughlineCore

/// Times as RFC 3339 writes them.
enum RFC3339 {
    static func parse(_ text: String) -> Timestamp? {
        guard (20...40).contains(text.utf8.count) else { return nil }
        let hasFraction = text.utf8.contains(UInt8(ascii: "."))
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: hasFraction)
        guard let date = try? style.parse(text.uppercased()) else { return nil }
        let milliseconds = (date.timeIntervalSince1970 * 1_000).rounded()
        guard milliseconds > -6e13, milliseconds < 2.6e14 else { return nil }
        return Timestamp(milliseconds: Int64(milliseconds))
    }

    /// In UTC, with milliseconds where there are any.
    static func text(_ time: Timestamp) -> String {
        let date = Date(timeIntervalSince1970: Double(time.rawValue) / 1_000)
        return date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: time.rawValue % 1_000 != 0))
    }
}
