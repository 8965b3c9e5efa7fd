import Testing
import ThroughlineTestKit

@testable import ThroughlineCore

@Suite struct `Compaction by key` {
    private let compaction = StreamCompaction(members: ["type", "key"])

    private func key(_ text: String) -> [UInt8]? { compaction.key(of: Array(text.utf8)) }

    @Test func `a key is of the values of its members, wherever they stand`() throws {
        let one = try #require(key(#"{"type":"user","key":"1","value":{"a":1}}"#))
        #expect(key(#"{ "key" : "\u0031", "x": null, "type":"user" }"#) == one)
        for other in [
            #"{"type":"user","key":1}"#, #"{"type":"use","key":"r1"}"#, #"{"type":"1","key":"user"}"#,
            #"{"type":"user","key":"2"}"#, #"{"type":true,"key":"1"}"#,
        ] {
            let found = key(other)
            #expect(found != nil && found != one)
        }
    }

    @Test(arguments: [
        "1", "[]", "{}", #"{"type":"user"}"#, #"{"type":"user","key":null}"#, #"{"type":{},"key":"1"}"#, "{",
        #"{"type":"user","key":""# + String(repeating: "k", count: 1_100) + #""}"#,
    ])
    func `a message without a key is kept`(_ text: String) { #expect(key(text) == nil) }

    private func records(_ keys: [Int?]) -> [LogRecord] {
        keys.enumerated().map { index, key in
            let text = key.map { #"{"type":"t","key":\#($0)}"# } ?? "0"
            return LogRecord(
                kind: .event, sequence: SequenceNumber(UInt64(index) + 1), at: Timestamp(milliseconds: 0),
                payload: Array(text.utf8))
        }
    }

    /// Reads in pages of a few, as a store gives them out.
    private func run(_ compacting: StreamCompacting, _ records: [LogRecord]) -> StreamCompacting {
        var compacting = compacting
        while !compacting.isDone {
            let rest = records.drop { $0.sequence.rawValue <= compacting.position }
            compacting.look(at: Array(rest.prefix(3)))
        }
        return compacting
    }

    @Test(arguments: 0..<60) func `runs in between come to what a dictionary comes to`(seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        let all = records((0..<60).map { _ in random.chance(6) ? nil : random.below(8) })
        var left = all
        var compacted: UInt64 = 0
        let (keys, messages) = (random.pick([2, 5, 100]), random.pick([4, 100]))
        var runs = 0
        while compacted < 60, runs < 500 {
            runs += 1
            let end = min(60, compacted + UInt64(1 + random.below(30)))
            let done = run(
                StreamCompacting(
                    compaction, first: 0, compacted: compacted, end: end, maximumKeys: keys, maximumMessages: messages),
                left)
            left.removeAll { done.superseded.contains($0.sequence) }
            if done.isComplete {
                #expect(done.end > compacted && done.end <= end)
                #expect(done.kept == UInt64(left.count { $0.sequence.rawValue <= done.end }))
                compacted = done.end
            }
        }
        var newest: [[UInt8]: SequenceNumber] = [:]
        for record in all { if let key = compaction.key(of: record.payload) { newest[key] = record.sequence } }
        let expected = all.filter { record in
            compaction.key(of: record.payload).map { newest[$0] == record.sequence } ?? true
        }
        #expect(left == expected && runs < 500)
    }

    @Test func `a summary has the key, and how far compaction is`() throws {
        let path = try #require(StreamPath("a"))
        for retention in [nil, StreamRetention(seconds: 7)] {
            let settings = StreamSettings(
                contentType: "application/json", retention: retention, compaction: compaction)
            var summary = StreamSummary(path: path, settings: settings, created: Timestamp(milliseconds: 0))
            #expect(StreamSummary(stored: summary.encoded) == summary)
            var trim = StreamTrim()
            (trim.anchor, trim.thinning, trim.compacted, trim.clean) = (9, 8, 7, 6)
            summary.trim = trim
            #expect(StreamSummary(stored: summary.encoded) == summary)
            for length in 0..<summary.encoded.count {
                #expect(StreamSummary(stored: Array(summary.encoded.prefix(length))) == nil)
            }
        }
    }
}
