import ThroughlineCore

/// The cursors that keep caches from answering a live request with the same old answer for ever.
enum StreamCursor {
    private static let epoch: Int64 = 1_728_432_000_000
    private static let interval: Int64 = 20_000

    /// The number of the present interval.
    static func current(_ now: Timestamp) -> UInt64 { UInt64(max(0, (now.rawValue - epoch) / interval)) }

    /// A number beyond the client's, where that has come to the present interval; `nil` elsewhere.
    static func ahead(of client: String?, now: Timestamp) -> UInt64? {
        guard let client = client.flatMap({ UInt64(digits: $0) }), client >= current(now), client < .max / 2 else {
            return nil
        }
        return client + (UInt64.random(in: 1...3_600) + 19) / 20
    }

    /// The number of the present interval; more than the client's, where that is as far.
    static func next(after client: String?, now: Timestamp) -> String {
        String(ahead(of: client, now: now) ?? current(now))
    }
}
