import Synchronization
import ThroughlineCore
public import ThroughlineEngine

/// Time that stands still until a test moves it, and random numbers from a seed.
public final class TestEnvironment: Sendable {
    private let milliseconds = Mutex<Int64>(1_795_000_000_000)
    private let random: Mutex<SeededRandom>

    public init(seed: UInt64 = 1) { random = Mutex(SeededRandom(seed: seed)) }

    public func advance(milliseconds: Int64) { self.milliseconds.withLock { $0 += milliseconds } }

    public var engine: EngineEnvironment {
        EngineEnvironment(
            now: { [self] in Timestamp(milliseconds: self.milliseconds.withLock { $0 }) },
            monotonic: { [self] in self.milliseconds.withLock { $0 } },
            randomBytes: { [self] count in
                self.random.withLock { random in (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) } }
            })
    }
}
