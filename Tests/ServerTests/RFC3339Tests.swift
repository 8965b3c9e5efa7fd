import Testing
import ThroughlineCore

@testable import ThroughlineServer

@Suite struct `Times as RFC 3339 writes them` {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("2026-11-28T20:15:00.7+01:00", 1_795_893_300_700),
        ("2026-11-28t20:15:00.1239z", 1_795_896_900_123), ("1969-12-31T23:59:59.9Z", -100),
        ("2024-02-29T00:00:00-23:59", 1_709_251_140_000), ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ("1583-01-01T00:00:00Z", -12_212_553_600_000),
    ])
    func `are read to the millisecond, and written so that they are read back`(text: String, time: Int64) {
        #expect(RFC3339.parse(text) == Timestamp(milliseconds: time))
        #expect(RFC3339.parse(RFC3339.text(Timestamp(milliseconds: time))) == Timestamp(milliseconds: time))
    }

    @Test(arguments: [
        "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+01:60", "2026-01-01T00:00:00+0100", "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00", "2026-01-01 00:00:00Z", "203-001-31T12:00:00.7+01:00", "9999-12-31T23:59:59-01:00",
        "1582-12-31T00:00:00Z", "2026-01-01T00:00:00ZZ", "2026-01-01T00:00:00+\u{0661}1:00", "tomorrow",
    ])
    func `are nothing else`(text: String) { #expect(RFC3339.parse(text) == nil) }

    @Test func `are written short`() {
        #expect(RFC3339.text(Timestamp(milliseconds: 0)) == "1970-01-01T00:00:00Z")
        #expect(RFC3339.text(Timestamp(milliseconds: -1)) == "1969-12-31T23:59:59.999Z")
        #expect(RFC3339.text(Timestamp(milliseconds: 1_050)) == "1970-01-01T00:00:01.050Z")
    }
}
