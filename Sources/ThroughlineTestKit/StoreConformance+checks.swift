import Dispatch
import Synchronization
import ThroughlineCore

private let stream = StreamID("sessions/one")

extension StoreConformance {
    static let appendChecks: [Check] = [
        .on("an appended event is read back with everything it has") { store in
            let note = LogRecord(
                kind: .note, sequence: SequenceNumber(1), at: Timestamp(milliseconds: -5), payload: [], note: [0, 255])
            let event = LogRecord(
                kind: .event, sequence: SequenceNumber(1), at: Timestamp(milliseconds: .max), payload: [1, 2], note: [3]
            )
            let append = LogAppend(stream: stream, expecting: .zero, records: [event, note], summary: [9])
            try require(store.appendAndWait(append).storeError, is: nil, "append")
            try require(store.readAll(stream), is: [event, note], "records")
            try require(store.status(of: stream), is: .live(tail: SequenceNumber(1)), "status")
        },
        .on("an append with a wrong expectation conflicts, names the tail and stores nothing") { store in
            try require(store.appendAndWait(.texts(["a"], to: stream, expecting: 0)).storeError, is: nil, "first")
            for wrong: UInt64 in [0, 2, .max - 8] {
                let error = store.appendAndWait(.texts(["b"], to: stream, expecting: wrong)).storeError
                try require(error, is: .conflict(tail: SequenceNumber(1)), "expecting \(wrong)")
            }
            let other = StreamID("sessions/other")
            let error = store.appendAndWait(.texts(["b"], to: other, expecting: 3)).storeError
            try require(error, is: .conflict(tail: .zero), "a stream that does not exist")
            try require(store.status(of: other), is: .absent, "status after a conflict")
            try require(store.readAll(stream).count, is: 1, "records")
        },
        .on("an append sees those queued before it, durable or not") { store in
            let results = Outcomes()
            for number in 0..<100 {
                store.append(.texts(["\(number)"], to: stream, expecting: UInt64(number))) { results.add($0, number) }
            }
            store.append(.texts(["late"], to: stream, expecting: 50)) { results.add($0, 100) }
            try require(store.appendAndWait(.texts(["end"], to: stream, expecting: 100)).storeError, is: nil, "last")
            try require(results.order, is: Array(0...100), "the order of the completions")
            try require(results.errors, is: [.conflict(tail: SequenceNumber(100))], "errors")
        },
        .on("an append over the maximum is refused, one of the maximum is not") { store in
            var append = LogAppend.texts(["a"], to: stream, expecting: 0)
            append.records[0].payload = .init(repeating: 7, count: LogAppend.maximumBytes + 1)
            try require(store.appendAndWait(append).storeError, is: .tooLarge, "over the maximum")
            append.records[0].payload.removeLast()
            try require(store.appendAndWait(append).storeError, is: nil, "the maximum")
            let records = try store.read(stream, after: .zero, limit: ReadLimit(records: 1, bytes: 1))
            try require(records == append.records, "the largest record is not read back")
        },
        .on("the commit handler runs after the completions of a commit") { store in
            let events = Mutex<[String]>([])
            let semaphore = DispatchSemaphore(value: 0)
            store.onCommit {
                events.withLock { $0.append("commit") }
                semaphore.signal()
            }
            store.append(.texts(["a"], to: stream, expecting: 0)) { _ in events.withLock { $0.append("completion") } }
            semaphore.wait()
            try require(events.withLock { Array($0.prefix(2)) }, is: ["completion", "commit"], "order")
        },
        .on("a read made in a completion sees the append") { store in
            let seen = Mutex<Int?>(nil)
            let semaphore = DispatchSemaphore(value: 0)
            store.append(.texts(["a", "b"], to: stream, expecting: 0)) { _ in
                let count = try? store.readAll(stream).count
                seen.withLock { $0 = count }
                semaphore.signal()
            }
            semaphore.wait()
            try require(seen.withLock { $0 }, is: 2, "records seen in the completion")
        },
        Check("close makes durable what was appended; later calls fail with closed") { factory in
            let store = try factory.open()
            let results = Outcomes()
            for number in 0..<20 {
                store.append(.texts(["x"], to: stream, expecting: UInt64(number))) { results.add($0, number) }
            }
            store.close()
            try require(results.order, is: Array(0..<20), "completions before close returns")
            try require(results.errors, is: [], "errors")
            try require(store.appendAndWait(.texts(["y"], to: stream, expecting: 20)).storeError, is: .closed, "append")
            try require(store.eraseAndWait(stream).storeError, is: .closed, "erase")
            do throws(StoreError) {
                _ = try store.readAll(stream)
                throw StoreError.failed("it was answered")
            } catch { try require(error, is: .closed, "read") }
        },
    ]

    static let readChecks: [Check] = [
        .on("a read starts behind a number and keeps to its limits, but returns at least one record") { store in
            let texts = (1...10).map { String(repeating: "x", count: $0) }
            try require(store.appendAndWait(.texts(texts, to: stream, expecting: 0)).storeError, is: nil, "append")
            func lengths(_ after: UInt64, _ limit: ReadLimit) throws -> [Int] {
                try store.read(stream, after: SequenceNumber(after), limit: limit).map(\.payload.count)
            }
            try require(lengths(0, ReadLimit(records: 3)), is: [1, 2, 3], "three records")
            try require(lengths(3, ReadLimit(bytes: 9)), is: [4, 5], "nine bytes")
            try require(lengths(3, ReadLimit(bytes: 8)), is: [4], "eight bytes")
            try require(lengths(3, ReadLimit(records: 0, bytes: 0)), is: [4], "no bytes")
            try require(lengths(9, ReadLimit()), is: [10], "the last")
            try require(lengths(10, ReadLimit()), is: [], "behind the last")
            try require(lengths(.max, ReadLimit()), is: [], "far behind the last")
        },
        .on("the notes right behind the event a read starts after are not returned") { store in
            var append = LogAppend.texts(["a"], to: stream, expecting: 0)
            try require(store.appendAndWait(append).storeError, is: nil, "event")
            append = noteAppend(after: 1)
            try require(store.appendAndWait(append).storeError, is: nil, "note")
            try require(store.appendAndWait(.texts(["b"], to: stream, expecting: 1)).storeError, is: nil, "event")
            try require(store.readAll(stream).map(\.kind), is: [.event, .note, .event], "all")
            try require(store.readAll(stream, after: SequenceNumber(1)).map(\.kind), is: [.event], "after 1")
        },
        .on("a page holds the last event with all its notes, so that reading on misses nothing") { store in
            for number: UInt64 in 0..<6 {
                let text = String(repeating: "x", count: 40)
                let event = LogAppend.texts([text], to: stream, expecting: number)
                try require(store.appendAndWait(event).storeError, is: nil, "event")
                var mixed = noteAppend(after: number + 1)
                for _ in 0..<3 { mixed.records.append(mixed.records[0]) }
                try require(store.appendAndWait(mixed).storeError, is: nil, "notes")
            }
            let all = try store.readAll(stream)
            try require(all.count, is: 30, "records")
            for limit in [ReadLimit(records: 1), ReadLimit(records: 7), ReadLimit(bytes: 1), ReadLimit(bytes: 100)] {
                var found: [LogRecord] = []
                while true {
                    let page = try store.read(stream, after: found.last?.sequence ?? .zero, limit: limit)
                    if page.isEmpty { break }
                    found += page
                }
                try require(found == all, "\(found.count) of \(all.count) records, page by page, with \(limit)")
            }
        },
        .on("payloads are those of the events, page by page, within limit and slack") { store in
            for number: UInt64 in 0..<12 {
                let texts = (0..<3).map { String(repeating: "x", count: Int(number) * 3 + $0 + 1) }
                let events = LogAppend.texts(texts, to: stream, expecting: number * 3)
                try require(store.appendAndWait(events).storeError, is: nil, "events")
                try require(store.appendAndWait(noteAppend(after: number * 3 + 3)).storeError, is: nil, "note")
            }
            let all = try store.readAll(stream).filter { $0.kind == .event }.map(\.payload)
            for limit in [
                ReadLimit(), ReadLimit(records: 1), ReadLimit(records: 5), ReadLimit(bytes: 1), ReadLimit(bytes: 90),
                ReadLimit(bytes: 90, slack: 60),
            ] {
                var found: [[UInt8]] = []
                while true {
                    var (page, size) = (found, 0)
                    try store.readPayloads(of: stream, after: SequenceNumber(UInt64(found.count)), limit: limit) {
                        page.append(Array($1))
                        size += $1.count
                        if $0.rawValue != UInt64(page.count) { page.append([]) }
                    }
                    if page.count == found.count { break }
                    try require(
                        page.count == found.count + 1 || size <= limit.bytes + limit.slack, "\(size) B, \(limit)")
                    found = page
                }
                try require(found == all, "\(found.count) of \(all.count) payloads, page by page, with \(limit)")
            }
        },
        .on("a stream can begin with a note") { store in
            try require(store.appendAndWait(noteAppend(after: 0)).storeError, is: nil, "note")
            try require(store.status(of: stream), is: .live(tail: .zero), "status")
            try require(store.appendAndWait(.texts(["a"], to: stream, expecting: 0)).storeError, is: nil, "event")
            try require(store.readAll(stream).map(\.payload), is: [[UInt8(ascii: "a")]], "records")
        },
        .on("a stream nobody appended to is absent and reads as empty") { store in
            try require(store.status(of: stream), is: .absent, "status")
            try require(store.readAll(stream), is: [], "records")
        },
        .on("every live stream is listed with its tail and latest summary") { store in
            for number in 0..<20 {
                let id = StreamID("s/\(number)")
                try require(
                    store.appendAndWait(.texts(["a"], to: id, expecting: 0, summary: "old")).storeError, is: nil, "1")
                let summary = number % 2 == 0 ? "new" : nil
                try require(
                    store.appendAndWait(.texts(["b"], to: id, expecting: 1, summary: summary)).storeError, is: nil, "2")
            }
            try require(store.eraseAndWait(StreamID("s/3")).storeError, is: nil, "erase")
            try checkListing(store)
        },
    ]

    static let eraseChecks: [Check] = [
        .on("an erased stream answers erased and takes no more appends") { store in
            try require(store.appendAndWait(.texts(["a"], to: stream, expecting: 0)).storeError, is: nil, "append")
            try require(store.eraseAndWait(stream).storeError, is: nil, "erase")
            try checkErased(store)
        },
        .on("appends queued behind an erasure fail, those before it do not") { store in
            let results = Outcomes()
            store.append(.texts(["a"], to: stream, expecting: 0)) { results.add($0, 0) }
            store.erase(stream) { _ in }
            store.append(.texts(["b"], to: stream, expecting: 1)) { results.add($0, 1) }
            _ = store.appendAndWait(.texts(["x"], to: StreamID("sessions/other"), expecting: 0))
            try require(results.errors, is: [.erased], "errors")
            try require(store.eraseAndWait(stream).storeError, is: nil, "erasing again")
        },
        .on("a stream that never was can be erased") { store in
            try require(store.eraseAndWait(stream).storeError, is: nil, "erase")
            try checkErased(store)
        },
    ]

    static let restartChecks: [Check] = [
        .acrossRestart("records, tails and summaries survive a restart") { store in
            for number in 0..<20 where number != 3 {
                let id = StreamID("s/\(number)")
                let summary = number % 2 == 0 ? "new" : "old"
                try require(
                    store.appendAndWait(.texts(["a", "b"], to: id, expecting: 0, summary: summary)).storeError, is: nil,
                    "1")
            }
        } then: { store in
            try checkListing(store)
            let id = StreamID("s/7")
            try require(store.readAll(id).map(\.payload), is: [Array("a".utf8), Array("b".utf8)], "records")
            try require(
                store.appendAndWait(.texts(["c"], to: id, expecting: 0)).storeError,
                is: .conflict(tail: SequenceNumber(2)), "wrong")
            try require(store.appendAndWait(.texts(["c"], to: id, expecting: 2)).storeError, is: nil, "right")
            try require(store.readAll(id).count, is: 3, "records after an append")
        },
        .acrossRestart("an erased stream stays erased after a restart") { store in
            try require(store.appendAndWait(.texts(["a"], to: stream, expecting: 0)).storeError, is: nil, "append")
            try require(store.eraseAndWait(stream).storeError, is: nil, "erase")
        } then: {
            try checkErased($0)
        },
    ]

    private static func noteAppend(after number: UInt64) -> LogAppend {
        let note = LogRecord(
            kind: .note, sequence: SequenceNumber(number), at: Timestamp(milliseconds: 1), payload: [], note: [1])
        return LogAppend(stream: stream, expecting: SequenceNumber(number), records: [note])
    }

    private static func checkErased(_ store: any LogStore) throws {
        try require(store.status(of: stream), is: .erased, "status")
        for tail: UInt64 in [0, 1] {
            let error = store.appendAndWait(.texts(["b"], to: stream, expecting: tail)).storeError
            try require(error, is: .erased, "append")
        }
        do throws(StoreError) {
            _ = try store.readAll(stream)
            throw StoreError.failed("it was answered")
        } catch { try require(error, is: .erased, "read") }
        var isListed = false
        try store.forEachStream { id, _, _ in if id == stream { isListed = true } }
        try require(!isListed, "an erased stream is listed")
    }

    private static func checkListing(_ store: any LogStore) throws {
        var listing: [String: String] = [:]
        try store.forEachStream { id, tail, summary in
            listing[id.rawValue] = "\(tail) \(String(decoding: summary, as: UTF8.self))"
        }
        var expected: [String: String] = [:]
        for number in 0..<20 where number != 3 { expected["s/\(number)"] = number % 2 == 0 ? "2 new" : "2 old" }
        try require(listing, is: expected, "the listing")
    }
}

/// Results of appends in the order they came.
private final class Outcomes: Sendable {
    private let state = Mutex<[(Int, StoreError?)]>([])

    func add(_ result: Result<Void, StoreError>, _ number: Int) {
        state.withLock { $0.append((number, result.storeError)) }
    }

    var order: [Int] { state.withLock { $0.map(\.0) } }
    var errors: [StoreError] { state.withLock { $0.compactMap(\.1) } }
}
