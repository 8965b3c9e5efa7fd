import Foundation
import Synchronization
import Testing
import ThroughlineCore
import ThroughlineTestKit

@testable import ThroughlineStorage

private let stream = StreamID("streams/one")
private let other = StreamID("streams/other")

@Suite struct TrimTests {
    /// What the events of a stream have left in the store, by their numbers.
    private func left(_ store: EmbeddedLogStore, _ id: StreamID = stream) throws -> [UInt64] {
        try store.readAll(id).map(\.sequence.rawValue)
    }

    @Test(arguments: [1, 20, 50, 199, 200]) func `events that have moved go, in the middle of a row too`(_ last: UInt64)
        throws
    {
        let folder = TemporaryFolder()
        let store = try folder.open()
        try store.fill(stream, count: 200)
        try store.fill(other, count: 60)
        store.trim(stream, upTo: SequenceNumber(last))
        // What is in the log has to move first.
        var tail: UInt64 = 60
        try eventually {
            try store.fill(other, from: tail, count: 5)
            tail += 5
            return try left(store) == Array(last + 1..<201)
        }
        for after in [0, last - 1, last, 200] {
            let records = try store.readAll(stream, after: SequenceNumber(after))
            #expect(records.map(\.sequence.rawValue) == Array(max(after, last) + 1..<201))
        }
        #expect(try store.checkFilled(other) == tail)
        #expect(store.status(of: stream) == .live(tail: SequenceNumber(200)))
        store.close()
        #expect(try DataFolder(folder.path).verify().isClean)
        let second = try folder.open()
        #expect(try left(second) == Array(last + 1..<201))
        try second.fill(stream, from: 200, count: 30)
        #expect(try left(second) == Array(last + 1..<231))
        second.close()
    }

    @Test func `the room of what goes is used again`() throws {
        let folder = TemporaryFolder()
        var configuration = StoreConfiguration.tiny
        configuration.maximumSegments = 10_000
        let store = try folder.open(configuration)
        defer { store.close() }
        var sizes: [Int] = []
        for round in 0..<12 {
            try store.fill(stream, from: UInt64(round) * 200, count: 200, size: 500)
            store.trim(stream, upTo: SequenceNumber(UInt64(round) * 200 + 150))
            eventually { store.metrics.segments <= 1 }
            let path = folder.path + "/archive.sqlite"
            sizes.append(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0)
        }
        // 100 KB each round; the file stays as large as after the first few.
        #expect(sizes[11] <= sizes[3] + 200_000, "\(sizes)")
        #expect(try left(store).first ?? 0 > 1_900)
    }

    /// A server that is killed at any time loses nothing that was kept, and is told again what may go.
    @Test func `a crash at any moment leaves what is kept`() throws {
        let folder = TemporaryFolder()
        let store = try folder.open()
        try store.fill(stream, count: 150)
        eventually { store.metrics.segments <= 1 }
        var copies: [TemporaryFolder] = []
        for last in stride(from: UInt64(10), to: 140, by: 10) {
            store.trim(stream, upTo: SequenceNumber(last))
            copies.append(try folder.copy())
        }
        store.close()
        for (index, copy) in copies.enumerated() {
            let store = try copy.open()
            let numbers = try left(store)
            let begin = numbers.first ?? 0
            #expect(begin <= UInt64(index + 1) * 10 + 1 && numbers == Array(begin..<151))
            store.trim(stream, upTo: SequenceNumber(140))
            store.close()
            #expect(try DataFolder(copy.path).verify().isClean)
        }
    }

    @Test func `many rows go in many steps`() throws {
        let folder = TemporaryFolder()
        let store = try folder.open()
        defer { store.close() }
        // Rows of one event each.
        try store.fill(stream, count: 400, size: 2_100)
        try store.fill(other, count: 60)
        eventually { store.metrics.segments <= 1 }
        store.trim(stream, upTo: SequenceNumber(390))
        try eventually { try left(store) == Array(391..<401) }
    }

    @Test func `what was trimmed stays so in a backup and after a repair`() throws {
        let folder = TemporaryFolder()
        let store = try folder.open()
        try store.fill(stream, count: 100)
        try store.fill(other, count: 60)
        store.trim(stream, upTo: SequenceNumber(45))
        try eventually { try left(store).first == 46 }
        let feed = try store.backup(at: Timestamp(milliseconds: 0))
        var backup = Data()
        while let piece = try feed.next() { backup.append(contentsOf: piece) }
        feed.close()
        try backup.write(to: URL(fileURLWithPath: folder.path + "/b"))
        store.close()
        let restored = try DataFolder(folder.path + "/new").restore(from: folder.path + "/b")
        #expect(restored.report.isClean && restored.report.wholeStreams == 2)
        let second = try EmbeddedLogStore(directory: folder.path + "/new", configuration: .tiny, logger: .silent)
        #expect(try left(second) == Array(46..<101))
        second.close()
    }

    @Test func `an event goes whose gap takes as much room as it did`() throws {
        let folder = TemporaryFolder()
        let store = try folder.open()
        let texts = [#"{"k":1}"#, #"{"k":10}"#, #"{"k":100}"#, #"{"k":10}"#]
        try store.appendAndWait(.texts(texts, to: stream, expecting: 0)).get()
        try store.fill(other, count: 60)
        eventually { store.thinnable(stream) == SequenceNumber(4) }
        try store.thinAndWait(stream, [SequenceNumber(2)]).get()
        #expect(try left(store) == [1, 3, 4])
        store.close()
    }

    @Test func `many events in many rows go in many steps, and a crash leaves what stays`() throws {
        let folder = TemporaryFolder()
        let store = try folder.open()
        // Rows of one event each.
        try store.fill(stream, count: 400, size: 2_100)
        try store.fill(other, count: 60)
        eventually { store.metrics.segments <= 1 && store.thinnable(stream) == SequenceNumber(400) }
        let gone = (UInt64(1)...399).filter { $0 % 3 != 0 }.map { SequenceNumber($0) }
        let isDone = Mutex<StoreError??>(nil)
        store.thin(stream, removing: gone.shuffled()) { result in isDone.withLock { $0 = .some(result.storeError) } }
        var copies: [TemporaryFolder] = []
        while isDone.withLock({ $0 == nil }), copies.count < 8 { copies.append(try folder.copy()) }
        eventually { isDone.withLock { $0 != nil } }
        #expect(isDone.withLock { $0 } == .some(nil))
        let stays: [UInt64] = Array(UInt64(1)...400).filter { !gone.contains(SequenceNumber($0)) }
        #expect(try left(store) == stays)
        #expect(store.thinAndWait(stream, [SequenceNumber(500)]).storeError != nil, "it is not there")
        store.close()
        #expect(store.thinAndWait(stream, [SequenceNumber(3)]).storeError == .closed)
        copies.append(folder)
        for copy in copies {
            // A copy is of several moments: where SQLite's files do not fit together, no crash leaves them so.
            guard let store = try? copy.open() else { continue }
            #expect(try Set(stays).isSubset(of: left(store)))
            store.close()
            #expect(try DataFolder(copy.path).verify().isClean)
        }
    }

    @Test(arguments: 0..<30) func `records are cut as a list would be`(seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        var records: [LogRecord] = []
        var sequence: UInt64 = 5
        for _ in 0..<20 {
            let isEvent = random.chance(2)
            if isEvent { sequence += 1 }
            records.append(
                LogRecord(
                    kind: isEvent ? .event : .note, sequence: SequenceNumber(sequence), at: Timestamp(milliseconds: 1),
                    payload: isEvent ? [UInt8(random.below(256))] : [], note: random.chance(2) ? [7] : []))
        }
        let packed = ByteBlock(capacity: 0)
        RecordPacking.pack(records, from: 5, into: packed.extend(by: RecordPacking.size(of: records)))
        var block = packed
        var last: UInt64 = 0
        for _ in 0..<3 {
            last = max(last, UInt64(random.below(Int(sequence) + 3)))
            let cut = ByteBlock(capacity: 0)
            #expect(RecordPacking.trim(block.bytes, from: 5, upTo: last, into: cut))
            #expect(RecordPacking.events(in: cut.bytes).map { $0 + 5 } == sequence)
            var page = RecordPage(after: .zero, limit: ReadLimit())
            #expect(RecordPacking.unpack(cut.bytes, from: 5, into: &page))
            let kept = records.filter {
                $0.sequence.rawValue > last || $0.sequence.rawValue == last && $0.kind == .note
            }
            #expect(page.records == kept)
            block = cut
        }
    }
}
