import Testing
import ThroughlineTestKit

@testable import ThroughlineCore

@Suite struct `What a stream keeps` {
    private let start = Timestamp(milliseconds: 1_795_000_000_000)

    private func machine(_ retention: StreamRetention) throws -> StreamMachine {
        let path = try #require(StreamPath("a"))
        let settings = StreamSettings(contentType: "text/plain", retention: retention)
        return StreamMachine(StreamSummary(path: path, settings: settings, created: start))
    }

    private func at(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: start.rawValue + seconds * 1_000) }

    /// Messages of so many bytes, a second apart.
    private func records(_ sizes: [Int]) -> [LogRecord] {
        sizes.enumerated().map { index, size in
            LogRecord(
                kind: .event, sequence: SequenceNumber(UInt64(index) + 1), at: at(Int64(index)),
                payload: Array(repeating: 1, count: size))
        }
    }

    private func first(_ retention: StreamRetention, _ sizes: [Int], now: Int64) -> UInt64? {
        let bytes = UInt64(sizes.reduce(0, +))
        var trimming = StreamTrimming(retention, from: nil, count: UInt64(sizes.count), bytes: bytes, at: at(now))
        guard trimming.look(at: records(sizes)), trimming.isDone else { return nil }
        #expect(trimming.trim.bytes == UInt64(sizes[..<Int(trimming.trim.first)].reduce(0, +)))
        return trimming.trim.first
    }

    @Test func `the oldest go until no limit is exceeded`() {
        #expect(first(StreamRetention(messages: 3), [1, 1, 1], now: 9) == 0)
        #expect(first(StreamRetention(messages: 3), [1, 1, 1, 1, 1], now: 9) == 2)
        #expect(first(StreamRetention(bytes: 10), [4, 4, 4], now: 9) == 1)
        #expect(first(StreamRetention(bytes: 10), [4, 4, 2], now: 9) == 0)
        #expect(first(StreamRetention(bytes: 3), [4], now: 9) == 1)
        #expect(first(StreamRetention(seconds: 5), [1, 1, 1, 1], now: 7) == 3)
        #expect(first(StreamRetention(seconds: 5), [1, 1], now: 60) == 2)
        #expect(first(StreamRetention(seconds: 100, bytes: 3, messages: 4), [1, 1, 1, 1, 1], now: 5) == 2)
        #expect(first(StreamRetention(seconds: .max), [1, 1], now: 1 << 40) == 0)
    }

    @Test func `what is not durable is not looked at, and what does not follow is noticed`() {
        var trimming = StreamTrimming(StreamRetention(seconds: 1), from: nil, count: 2, bytes: 3, at: at(60))
        let isRead = trimming.look(at: records([1, 1, 1]))
        #expect(isRead && trimming.isDone && trimming.trim.first == 2)
        var other = StreamTrimming(StreamRetention(seconds: 1), from: nil, count: 3, bytes: 3, at: at(60))
        let follows = other.look(at: Array(records([1, 1, 1])[1...]))
        #expect(!follows)
    }

    /// Whatever is written and let go: the records behind the anchor alone make the same machine again.
    @Test(arguments: 0..<40) func `records that were freed are not missed`(seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed))
        var machine = try machine(StreamRetention(messages: UInt64(1 + random.below(6))))
        var records: [LogRecord] = []
        var checkpoints: [Checkpoint] = []
        for step in 0..<80 {
            if random.chance(6) { checkpoints.append(machine.checkpoint) }
            if random.chance(5), machine.count > 0 {
                var found = machine.summary.trim ?? StreamTrim()
                found.first = min(machine.count, found.first + UInt64(random.below(4)))
                found.bytes = found.first * 50
                records.append(machine.trim(found, at: at(0)))
            } else {
                let producer = ProducerStamp(
                    id: random.pick(["p", "q"]), epoch: UInt64(random.below(2)), sequence: UInt64(random.below(5)))
                let write = StreamWrite(
                    messages: [Array(repeating: 7, count: 50)], producer: random.chance(2) ? producer : nil,
                    order: random.chance(3) ? String(random.below(100)) : nil,
                    isClosing: step > 60 && random.chance(20))
                _ = machine.write(write, at: at(0), into: &records)
            }
        }
        guard let trim = machine.summary.trim, trim.freed > 0 else { return }
        #expect(trim.freed <= trim.first && trim.first <= machine.count && trim.anchor >= trim.freed)
        let summary = try #require(StreamSummary(stored: machine.summary.encoded))
        let left = records.filter {
            $0.sequence.rawValue >= trim.anchor && !($0.kind == .event && $0.sequence.rawValue <= trim.freed)
        }
        let read = try #require(StreamMachine(from: left, of: summary))
        #expect(read.count == machine.count && read.writers == machine.writers && read.summary == summary)
        for checkpoint in checkpoints {
            guard var resumed = StreamMachine(checkpoint, of: summary) else {
                #expect(checkpoint.sequence.rawValue < trim.anchor)
                continue
            }
            let isRead = resumed.replay(records.filter { $0.sequence > checkpoint.sequence })
            #expect(isRead && resumed.writers == machine.writers)
        }
    }

    @Test func `a note that costs more than it frees waits`() throws {
        var machine = try machine(StreamRetention(messages: 1))
        var records: [LogRecord] = []
        for number in 0..<100 {
            let producer = ProducerStamp(id: "producer \(number)", epoch: 0, sequence: 0)
            _ = machine.write(StreamWrite(messages: [[1]], producer: producer), at: at(0), into: &records)
        }
        var found = StreamTrim()
        found.first = 20
        found.bytes = 20
        let small = machine.trim(found, at: at(0))
        #expect(small.note.isEmpty)
        #expect(machine.summary.trim?.first == 20 && machine.summary.trim?.anchor == 0)
        found.first = 100
        found.bytes = 100_000
        let large = machine.trim(found, at: at(0))
        #expect(!large.note.isEmpty)
        #expect(machine.summary.trim?.freed == 100 && machine.summary.trim?.anchor == 100)
    }

    @Test func `a summary has what is kept and what is gone`() throws {
        var summary = try machine(StreamRetention(seconds: 7, messages: 9)).summary
        #expect(StreamSummary(stored: summary.encoded) == summary)
        var trim = StreamTrim()
        trim.first = 1_000
        trim.anchor = 2_000
        summary.trim = trim
        #expect(StreamSummary(stored: summary.encoded) == summary)
        for length in 0..<summary.encoded.count {
            #expect(StreamSummary(stored: Array(summary.encoded.prefix(length))) == nil)
        }
    }

    @Test func `a checkpoint of before there was retention is read`() throws {
        var machine = try machine(StreamRetention(messages: 1))
        var records: [LogRecord] = []
        let stamp = ProducerStamp(id: "p", epoch: 3, sequence: 0)
        _ = machine.write(StreamWrite(messages: [[1]], producer: stamp, order: "x"), at: at(0), into: &records)
        let bytes = machine.checkpoint.bytes
        let old = Checkpoint(sequence: SequenceNumber(1), bytes: [1] + bytes[1..<bytes.count - 1])
        let read = try #require(StreamMachine(old, of: machine.summary))
        #expect(read.writers.producers == machine.writers.producers && read.writers.order == "x")
    }
}
