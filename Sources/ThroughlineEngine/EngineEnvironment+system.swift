import ThroughlineCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension EngineEnvironment {
    /// The machine's clocks and random numbers.
    public static let system = EngineEnvironment(
        now: { Timestamp(milliseconds: milliseconds(CLOCK_REALTIME)) },
        monotonic: { milliseconds(CLOCK_MONOTONIC) },
        randomBytes: { count in
            var generator = SystemRandomNumberGenerator()
            return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
        })

    private static func milliseconds(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }
}
