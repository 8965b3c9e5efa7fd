import Testing
import ThroughlineTestKit

@testable import ThroughlineCore

@Suite struct `Subscriptions to durable streams` {
    @Test(arguments: [
        ("a/*", "a/b", true), ("a/*", "a", false), ("a/*", "a/b/c", false), ("**", "a/b/c", true), ("a/**", "a", true),
        ("a/**/d", "a/b/c/d", true), ("a/**/d", "a/d", true), ("a/**/d", "a/b", false), ("**/b/**", "a/b/c", true),
        ("*", "a", true), ("*", "a/b", false), ("a", "a", true), ("a", "ab", false), ("**/x/**/y", "x/a/x/y", true),
    ])
    func `a pattern matches by segments`(_ pattern: String, _ path: String, _ isMatch: Bool) throws {
        #expect(try #require(StreamPattern(pattern)).matches(try #require(StreamPath(path))) == isMatch)
    }

    @Test func `a pattern of many stars is decided soon`() throws {
        let pattern = try #require(StreamPattern(Array(repeating: "**/a", count: 100).joined(separator: "/")))
        let path = try #require(StreamPath(Array(repeating: "a", count: 99).joined(separator: "/") + "/b"))
        #expect(!pattern.matches(path))
    }

    private func machine() throws -> SubscriptionMachine {
        let settings = SubscriptionSettings(
            delivery: .pullWake(try #require(StreamPath("wake"))), pattern: StreamPattern("e/*"), streams: [],
            leaseMilliseconds: 1_000, description: nil)
        var machine = SubscriptionMachine(
            id: "s", settings: settings, created: Timestamp(milliseconds: 1), origin: "http://h")
        let link = SubscriptionMachine.Link(isExplicit: false, isByPattern: true, acknowledged: .start)
        machine.apply(.linked([try #require(StreamPath("e/1")): link]))
        return machine
    }

    @Test func `only the wake that is under way moves a cursor, and never back or beyond the end`() throws {
        var machine = try machine()
        let path = try #require(StreamPath("e/1"))
        let tail = { (_: StreamPath) in StreamOffset(5) }
        func word(_ generation: UInt64, _ wake: String, _ offset: UInt64) -> WorkerWord {
            WorkerWord(
                tokenGeneration: generation, wake: wake, generation: generation,
                acknowledged: [(path, StreamOffset(offset))], isDone: true)
        }
        #expect(throws: SubscriptionError.fenced) { try machine.acknowledge(word(0, "w1", 1), tail) }
        machine.apply(.woken(id: "w1", tails: [path: StreamOffset(5)]))
        #expect(throws: SubscriptionError.fenced) { try machine.acknowledge(word(1, "w0", 1), tail) }
        #expect(throws: SubscriptionError.fenced) { try machine.acknowledge(word(2, "w1", 1), tail) }
        #expect(throws: SubscriptionError.self) { try machine.acknowledge(word(1, "w1", 6), tail) }
        for change in try machine.acknowledge(word(1, "w1", 3), tail) { machine.apply(change) }
        #expect(machine.wake == nil)
        #expect(machine.pending(tail) == [path])
        #expect(throws: SubscriptionError.fenced) { try machine.acknowledge(word(1, "w1", 4), tail) }
        machine.apply(.woken(id: "w2", tails: [:]))
        #expect(throws: SubscriptionError.self) { try machine.acknowledge(word(2, "w2", 2), tail) }
        for change in try machine.acknowledge(word(2, "w2", 5), tail) { machine.apply(change) }
        #expect(machine.pending(tail).isEmpty)
    }

    @Test func `the stream that gets the wakes is not followed`() throws {
        let settings = SubscriptionSettings(
            delivery: .pullWake(try #require(StreamPath("a"))), pattern: StreamPattern("**"), streams: [],
            leaseMilliseconds: 1_000, description: nil)
        #expect(!settings.matches(try #require(StreamPath("a"))))
        #expect(settings.matches(try #require(StreamPath("b"))))
    }

    @Test(arguments: 0..<30) func `changes and whole states are read back`(seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed))
        var machine = try machine()
        var replayed = try #require(SubscriptionMachine(stored: machine.encoded))
        for number in 0..<30 {
            let path = try #require(StreamPath("e/\(random.below(4))"))
            let change: SubscriptionChange =
                switch random.below(9) {
                case 0:
                    .linked([
                        path: .init(isExplicit: random.chance(2), isByPattern: true, acknowledged: StreamOffset(3))
                    ])
                case 1: .unlinked(path)
                case 2, 3: .acknowledged([path: StreamOffset(UInt64(random.below(9)))])
                case 4, 5: .woken(id: "w\(number)", tails: [path: StreamOffset(4)])
                case 6: .claimed(by: "worker")
                case 7: .settled
                default:
                    random.chance(2)
                        ? .heard : .failed(machine.nextRetry(at: Timestamp(milliseconds: 7), chance: random.next()))
                }
            machine.apply(change)
            replayed.apply(try #require(SubscriptionChange(stored: change.encoded)))
            #expect(replayed.encoded == machine.encoded)
            #expect(SubscriptionMachine(stored: machine.encoded)?.encoded == machine.encoded)
        }
        for length in 0..<machine.encoded.count {
            #expect(SubscriptionMachine(stored: Array(machine.encoded.prefix(length))) == nil)
        }
    }

    @Test func `retries wait longer and longer, a minute at most`() throws {
        var machine = try machine()
        let now = Timestamp(milliseconds: 1_000_000)
        for expected: Int64 in [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
            let (early, late) = (
                machine.nextRetry(at: now, chance: 0), machine.nextRetry(at: now, chance: UInt64(expected) * 2 / 5)
            )
            #expect(early.next.rawValue - now.rawValue == expected * 4 / 5)
            #expect(late.next.rawValue - now.rawValue == expected * 6 / 5)
            machine.apply(.failed(early))
        }
    }
}
