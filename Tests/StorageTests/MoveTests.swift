import Foundation
import Synchronization
import Testing
import ThroughlineCore
import ThroughlineStorage
import ThroughlineTestKit

@Suite struct MoveTests {
    @Test func `reads during moves and recycling never have a gap`() throws {
        let folder = TemporaryFolder()
        let store = try folder.open()
        defer { store.close() }
        let streams = (0..<4).map { StreamID("s/\($0)") }
        let isDone = Mutex(false)
        let failures = Mutex<[String]>([])
        let readers = (0..<2).map { reader in
            let thread = Thread {
                var random = SeededRandom(seed: UInt64(reader))
                while !isDone.withLock({ $0 }) {
                    let stream = streams[Int.random(in: 0..<4, using: &random)]
                    guard case .live(let tail) = store.status(of: stream) else { continue }
                    let after = UInt64.random(in: 0...tail.rawValue, using: &random)
                    let records = (try? store.readAll(stream, after: SequenceNumber(after))) ?? []
                    let numbers = records.map(\.sequence.rawValue)
                    let isDense = numbers == Array(after + 1..<after + 1 + UInt64(records.count))
                    if !isDense || after + UInt64(records.count) < tail.rawValue {
                        failures.withLock { $0.append("seed \(reader): after \(after) of \(tail): \(numbers)") }
                    }
                }
            }
            thread.start()
            return thread
        }
        for round in 0..<150 {
            for stream in streams { try store.fill(stream, from: UInt64(round) * 2, count: 2, size: 150) }
        }
        isDone.withLock { $0 = true }
        for thread in readers { while !thread.isFinished { usleep(1000) } }
        #expect(failures.withLock { $0 } == [])
        #expect(store.metrics.movedSegments > 10)
        for stream in streams { #expect(try store.checkFilled(stream) == 300) }
    }

    @Test func `segments moved but not recycled before a crash are not moved twice`() throws {
        let folder = TemporaryFolder()
        var configuration = StoreConfiguration.tiny
        configuration.spareSegments = 0
        let store = try folder.open(configuration)
        let stream = StreamID("s/1")
        try store.fill(stream, count: 25)
        let before = try folder.copy()
        try store.fill(stream, from: 25, count: 25)
        eventually { store.metrics.segments <= 1 }
        let after = try folder.copy()
        store.close()
        // The archive of now beside segments of then: as if the mover was killed before it zeroed them.
        for path in before.segments where !after.segments.contains(where: { $0.hasSuffix(path.suffix(12)) }) {
            try FileManager.default.copyItem(
                atPath: path, toPath: after.path + "/log/" + (path as NSString).lastPathComponent)
        }
        let second = try after.open()
        #expect(try second.checkFilled(stream) == 50)
        try second.fill(stream, from: 50, count: 50)
        #expect(try second.checkFilled(stream) == 100)
        second.close()
    }

    @Test func `a stream that has all moved reads and goes on like any other`() throws {
        let folder = TemporaryFolder()
        var store = try folder.open(.roomy)
        let stream = StreamID("s/1")
        for round in 0..<5 {
            try store.fill(stream, from: UInt64(round) * 10, count: 10)
            store.close()
            store = try folder.open(.roomy)
            eventually { store.metrics.segments == 0 }
            #expect(try store.checkFilled(stream) == UInt64(round + 1) * 10)
            #expect(try store.read(stream, after: SequenceNumber(7), limit: ReadLimit(records: 2)).count == 2)
        }
        store.close()
    }

    @Test func `the identity stays with the folder`() throws {
        let folder = TemporaryFolder()
        let first = try folder.open()
        first.close()
        let second = try folder.open()
        second.close()
        let other = TemporaryFolder()
        let third = try other.open()
        third.close()
        #expect(first.identity == second.identity && first.identity.count == 32 && third.identity != first.identity)
    }

    @Test func `many callers at once share commits`() throws {
        let folder = TemporaryFolder()
        let store = try folder.open(.roomy)
        defer { store.close() }
        let errors = Mutex(0)
        for round in 0..<50 {
            for stream in 0..<20 {
                store.append(.texts(["x"], to: StreamID("s/\(stream)"), expecting: UInt64(round))) { result in
                    if result.storeError != nil { errors.withLock { $0 += 1 } }
                }
            }
        }
        try store.fill(StreamID("s/last"), count: 1)
        #expect(errors.withLock { $0 } == 0)
        #expect(store.metrics.appends == 1001)
        #expect(store.metrics.commits < 500)
        #expect(store.metrics.synchronizations == store.metrics.commits)
    }
}
