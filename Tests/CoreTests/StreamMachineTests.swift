import Testing
import ThroughlineTestKit

@testable import ThroughlineCore

@Suite struct `Durable streams` {
    private let now = Timestamp(milliseconds: 1_795_000_000_000)

    /// A stream of JSON that is written to.
    private final class Stream {
        var machine: StreamMachine
        var records: [LogRecord] = []
        private let now = Timestamp(milliseconds: 1_795_000_000_000)

        init() throws {
            let path = try #require(StreamPath("a/b"))
            let settings = StreamSettings(contentType: "application/json")
            machine = StreamMachine(StreamSummary(path: path, settings: settings, created: now))
        }

        func write(
            _ text: String, _ producer: ProducerStamp? = nil, order: String? = nil, closing: Bool = false,
            expected: StreamOffset? = nil, contentType: String = "application/json"
        ) -> StreamVerdict {
            let write = StreamWrite(
                messages: text.isEmpty ? [] : [Array(text.utf8)], contentType: contentType, producer: producer,
                order: order, isClosing: closing, expected: expected)
            return machine.write(write, at: now, into: &records)
        }
    }

    private func stamp(_ epoch: UInt64, _ sequence: UInt64, _ id: String = "p") -> ProducerStamp {
        ProducerStamp(id: id, epoch: epoch, sequence: sequence)
    }

    @Test func `a producer's requests are taken once, in order, and an older life is fenced`() throws {
        let stream = try Stream()
        #expect(stream.write("1", stamp(0, 1)) == .producerGap(expected: 0))
        #expect(stream.write("1", stamp(0, 0)) == .taken)
        #expect(stream.write("2", stamp(0, 1)) == .taken)
        #expect(stream.write("1", stamp(0, 0)) == .duplicate(sequence: 1))
        #expect(stream.write("4", stamp(0, 3)) == .producerGap(expected: 2))
        #expect(stream.write("3", stamp(1, 1)) == .producerLateStart)
        #expect(stream.write("3", stamp(1, 0)) == .taken)
        #expect(stream.write("3", stamp(0, 2)) == .producerStale(epoch: 1))
        #expect(stream.machine.tail == StreamOffset(3))
    }

    @Test func `a closed stream takes nothing but the retry of what closed it`() throws {
        let stream = try Stream()
        #expect(stream.write("1", stamp(0, 0), closing: true) == .taken)
        #expect(stream.write("1", stamp(0, 0), closing: true) == .duplicate(sequence: 0))
        #expect(stream.write("1", stamp(0, 1)) == .closed)
        #expect(stream.write("1") == .closed)
        #expect(stream.write("", closing: true) == .duplicate(sequence: nil))
        #expect(stream.machine.tail == StreamOffset(1))
    }

    @Test func `order, content type and tail are conditions`() throws {
        let stream = try Stream()
        #expect(stream.write("1", order: "09") == .taken)
        #expect(stream.write("1", order: "09") == .orderRegressed)
        #expect(stream.write("1", order: "1") == .taken)
        #expect(stream.write("1", expected: StreamOffset(1)) == .tailElsewhere)
        #expect(stream.write("1", expected: StreamOffset(2)) == .taken)
        #expect(stream.write("1", contentType: "text/plain") == .otherType)
        #expect(stream.records.count == 3)
    }

    /// Whatever was written: the records alone make the same stream again, and so does a checkpoint with the rest of them.
    @Test(arguments: 0..<50) func `replay and checkpoint give the same machine`(seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed))
        let stream = try Stream()
        var checkpoint: Checkpoint?
        for _ in 0..<40 {
            let producer = stamp(UInt64(random.below(3)), UInt64(random.below(6)), random.pick(["p", "q"]))
            _ = stream.write(
                random.pick(["1", "2", "1"]), random.chance(2) ? producer : nil,
                order: random.chance(3) ? String(random.below(100)) : nil, closing: random.chance(60))
            if random.chance(20) { checkpoint = stream.machine.checkpoint }
        }
        let machine = stream.machine
        var fresh = machine.summary
        fresh.closing = nil
        var replayed = StreamMachine(fresh)
        let isReplayed = replayed.replay(stream.records)
        #expect(isReplayed)
        expectSame(replayed, machine)
        if let checkpoint {
            var resumed = try #require(StreamMachine(checkpoint, of: machine.summary))
            let isRead = resumed.replay(stream.records.filter { $0.sequence > checkpoint.sequence })
            #expect(isRead)
            expectSame(resumed, machine)
        }
    }

    private func expectSame(_ one: StreamMachine, _ other: StreamMachine) {
        #expect(one.count == other.count)
        #expect(one.writers.producers == other.writers.producers || other.summary.closing != nil)
        #expect(one.writers.order == other.writers.order || other.summary.closing != nil)
        #expect(one.summary == other.summary)
    }

    @Test func `a summary is read back as it was`() throws {
        let path = try #require(StreamPath("jobs/é/log"))
        for lifetime in [StreamLifetime.unlimited, .idle(seconds: 30), .until(now)] {
            var summary = StreamSummary(
                path: path, settings: StreamSettings(contentType: "text/plain; charset=utf-8", lifetime: lifetime),
                created: now,
                fork: StreamFork(
                    source: StreamID("streams/x"), sourcePath: path, base: 7, asked: StreamOffset(5), askedBeyond: 2))
            #expect(StreamSummary(stored: summary.encoded) == summary)
            summary.closing = StreamClosing(producer: stamp(3, 4))
            summary.isDeleted = true
            summary.fork = nil
            #expect(StreamSummary(stored: summary.encoded) == summary)
            for length in 0..<summary.encoded.count {
                #expect(StreamSummary(stored: Array(summary.encoded.prefix(length))) == nil)
            }
        }
    }

    @Test(arguments: ["", "/a", "a/", "a//b", "..", "a/../b", ".", "__ds", "__ds/x", "a\nb", "a\u{0}"])
    func `no path`(_ text: String) { #expect(StreamPath(text) == nil) }

    @Test(arguments: ["a", "a/b/c", "é", "a b", "...", "a/__ds", String(repeating: "x", count: 1_024)])
    func `a path`(_ text: String) { #expect(StreamPath(text)?.value == text) }

    @Test func `offsets are texts that sort as they count`() throws {
        let offsets = [0, 1, 9, 10, 99, 12_345, 999_999_999].map { StreamOffset(UInt64($0)) }
        #expect(offsets.map(\.description) == offsets.map(\.description).sorted())
        for offset in offsets { #expect(StreamOffset(offset.description) == offset) }
        for text in [
            "", "-1", "now", "1", "0000000000000000_1", "0000000000000001_0000000000000000",
            "0000000000000000_000000000000000x",
        ] {
            #expect(StreamOffset(text) == nil)
        }
    }

    @Test func `an array is flattened by one level`() throws {
        func split(_ text: String) throws -> [String] {
            try StreamMessages.json(Array(text.utf8), mayBeEmpty: false).map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(try split(#"{"a": 1}"#) == [#"{"a": 1}"#])
        #expect(try split(" [ 1 , [2,3], \"x\" ] ") == ["1", "[2,3]", "\"x\""])
        #expect(try split("[[[1,2]]]") == ["[[1,2]]"])
        #expect(throws: Refusal.self) { try split("[]") }
        #expect(throws: Refusal.self) { try split("[1,]") }
        #expect(try StreamMessages.json(Array("[]".utf8), mayBeEmpty: true).isEmpty)
    }
}
