import ThroughlineCore

private let stream = StreamID("streams/one")

extension StoreConformance {
    static let trimChecks: [Check] = [
        .acrossRestart("what was trimmed may go, the rest stays, and the stream goes on") { store in
            try fill(store, from: 0, count: 60)
            store.trim(stream, upTo: SequenceNumber(31))
            try fill(store, from: 60, count: 60)
            try checkTrimmed(store, last: 31, tail: 120)
            store.trim(stream, upTo: SequenceNumber(31))
            store.trim(stream, upTo: SequenceNumber(7))
            store.trim(StreamID("streams/absent"), upTo: SequenceNumber(7))
            try checkTrimmed(store, last: 31, tail: 120)
        } then: { store in
            try checkTrimmed(store, last: 31, tail: 120)
            // A wish is not kept: it is told again.
            store.trim(stream, upTo: SequenceNumber(120))
            try fill(store, from: 120, count: 3)
            try checkTrimmed(store, last: 120, tail: 123)
            try require(store.eraseAndWait(stream).storeError, is: nil, "erase")
            store.trim(stream, upTo: SequenceNumber(121))
            try require(store.status(of: stream), is: .erased, "status")
        },
        .acrossRestart("single events go, and nothing else does") { store in
            try fill(store, from: 0, count: 80)
            // After an erasure all that was before it is where single events can go.
            try require(store.eraseAndWait(StreamID("streams/other")).storeError, is: nil, "erase")
            try require(store.thinnable(stream), is: SequenceNumber(80), "what can go")
            let gone = [1, 2, 3, 17, 40].map { SequenceNumber($0) }
            for events in [gone, gone, [], Array(gone[..<2])] {
                try require(store.thinAndWait(stream, events).storeError, is: nil, "thin")
            }
            try checkThinned(store, gone)
            store.trim(stream, upTo: SequenceNumber(20))
            try fill(store, from: 80, count: 1)
            try checkTrimmed(store, last: 20, tail: 81, thinned: gone)
        } then: { store in
            try checkTrimmed(store, last: 20, tail: 81, thinned: [1, 2, 3, 17, 40].map { SequenceNumber($0) })
            try require(store.eraseAndWait(stream).storeError, is: nil, "erase")
        },
    ]

    private static func checkThinned(_ store: any LogStore, _ gone: [SequenceNumber]) throws {
        guard case .live(let tail) = store.status(of: stream) else {
            throw StoreConformanceFailure(description: "status")
        }
        let left = (1...tail.rawValue).flatMap { records($0) }.filter {
            $0.kind == .note || !gone.contains($0.sequence)
        }
        for after in [0, 1, 2, 3, 16, 17, 39, 40] as [UInt64] {
            let found = try store.readAll(stream, after: SequenceNumber(after))
            try require(found == left.filter { $0.sequence.rawValue > after }, "something else is there after \(after)")
        }
    }

    /// Events that each have a note in them and one behind them.
    private static func fill(_ store: any LogStore, from first: UInt64, count: UInt64) throws {
        for number in first..<first + count {
            let append = LogAppend(
                stream: stream, expecting: SequenceNumber(number), records: records(number + 1), summary: [1])
            try require(store.appendAndWait(append).storeError, is: nil, "append \(number)")
        }
    }

    private static func records(_ number: UInt64) -> [LogRecord] {
        let (sequence, at) = (SequenceNumber(number), Timestamp(milliseconds: Int64(number)))
        return [
            LogRecord(
                kind: .event, sequence: sequence, at: at, payload: Array("event \(number)".utf8), note: [UInt8(number)]),
            LogRecord(kind: .note, sequence: sequence, at: at, payload: [], note: [9, UInt8(number)]),
        ]
    }

    /// From everywhere: what is behind the last that was let go is whole, and before it there is nothing that was not.
    private static func checkTrimmed(
        _ store: any LogStore, last: UInt64, tail: UInt64, thinned: [SequenceNumber] = []
    ) throws {
        try require(store.status(of: stream), is: .live(tail: SequenceNumber(tail)), "status")
        let all = (1...tail).flatMap { records($0) }.filter { $0.kind == .note || !thinned.contains($0.sequence) }
        for after in 0...tail {
            let found = try store.readAll(stream, after: SequenceNumber(after))
            let expected = all.filter { $0.sequence.rawValue > after }
            let kept = expected.filter {
                $0.sequence.rawValue > last || $0.sequence.rawValue == last && $0.kind == .note
            }
            try require(found.suffix(kept.count).elementsEqual(kept), "what is kept is not there after \(after)")
            let known = Set(expected)
            try require(found.allSatisfy { known.contains($0) }, "something strange is there after \(after)")
        }
    }
}
