import Foundation
import Synchronization
import Testing
import ThroughlineCore
import ThroughlineStorage
import ThroughlineTestKit

private let one = StreamID("sessions/one")

@Suite struct OpeningTests {
    /// Segments of many pieces of reading, and spares.
    private var large: StoreConfiguration {
        var configuration = StoreConfiguration()
        configuration.segmentBytes = 8 << 20
        configuration.maximumCommitBytes = 64 << 10
        return configuration
    }

    @Test func `commits of any size are read back over the pieces in which a segment is read`() throws {
        var random = SeededRandom(seed: 4)
        let folder = TemporaryFolder()
        var store = try folder.open(large)
        var tail: UInt64 = 0
        for _ in 0..<4 {
            for _ in 0..<30 {
                let size = random.chance(4) ? random.below(1_500_000) : random.below(70_000)
                try store.fill(one, from: tail, count: 1, size: size)
                tail += 1
            }
            let copy = try folder.copy()
            store.close()
            store = try copy.open(large)
            #expect(try store.checkFilled(one) == tail)
            store.close()
            store = try folder.open(large)
        }
        #expect(try store.checkFilled(one) == tail)
        store.close()
    }

    @Test func `zeros in what was written do not hide the commits behind them`() throws {
        let folder = TemporaryFolder()
        let store = try folder.open(large)
        try store.fill(one, count: 1)
        let place = store.metrics.bytes
        let zeros = String(repeating: "\u{0}", count: 3 << 20)
        try store.appendAndWait(.texts(["1-" + zeros], to: one, expecting: 1)).get()
        try store.fill(one, from: 2, count: 1)
        let crashed = try folder.copy()
        store.close()
        // The header of the second commit is gone: the third, megabytes on, proves that it was acknowledged.
        try edit(crashed.path + "/log/segment-00000001.log") { $0.resetBytes(in: place..<place + 64) }
        do {
            try crashed.open(large).close()
            Issue.record("it was not noticed")
        } catch let error as StoreError {
            guard case .corrupt(let reason) = error else { throw error }
            #expect(reason.contains("segment-00000001.log at \(place): commit 2 is damaged"))
        }
    }

    @Test func `a segment whose first header is gone is no spare, and what is whole of it is served`() throws {
        let folder = TemporaryFolder()
        let store = try folder.open(large)
        try store.fill(one, count: 2)
        let crashed = try folder.copy()
        store.close()
        try edit(crashed.path + "/log/segment-00000001.log") { $0.resetBytes(in: 0..<64) }
        // The entry behind it says for itself that it is whole.
        let second = try crashed.open(large)
        #expect(try second.checkFilled(one) == 2)
        second.close()
    }

    @Test func `spare segments are kept over a restart, half made and used ones are not`() throws {
        let folder = TemporaryFolder()
        var store = try folder.open(large)
        try store.fill(one, count: 1)
        eventually { folder.segments.filter { $0.hasSuffix(".log") }.count == 3 }
        store.close()
        let spares = Array(folder.segments.dropFirst())
        let numbers = try spares.map(fileNumber)
        try Data(count: 8 << 20).write(to: URL(fileURLWithPath: folder.path + "/log/segment-00000009.new"))
        try Data(count: 4096).write(to: URL(fileURLWithPath: folder.path + "/log/segment-00000008.log"))
        store = try folder.open(large)
        #expect(try spares.map(fileNumber) == numbers)
        #expect(!folder.segments.contains { $0.hasSuffix("8.log") || $0.hasSuffix(".new") })
        // An id that was once given away is not given again.
        for tail in 1..<12 { try store.fill(one, from: UInt64(tail), count: 1, size: 2 << 20) }
        #expect(folder.segments.contains { $0.hasSuffix("segment-00000010.log") })
        #expect(try store.checkFilled(one) == 12)
        store.close()
    }

    private func fileNumber(_ path: String) throws -> Int {
        try #require(FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int)
    }

    @Test func `each byte of the log is read about once`() throws {
        let folder = TemporaryFolder()
        let store = try folder.open(large)
        try store.fill(one, count: 60, size: 100_000)
        let crashed = try folder.copy()
        store.close()
        let bytes = Mutex(0)
        var counting = large
        counting.spareSegments = 0
        let real = FileSystem.real
        counting.fileSystem.read = { descriptor, buffer, offset throws(SystemCallError) in
            let count = try real.read(descriptor, buffer, offset)
            bytes.withLock { $0 += count }
            return count
        }
        let files = crashed.segments.count
        let second = try EmbeddedLogStore(directory: crashed.path, configuration: counting, logger: .silent)
        let read = bytes.withLock { $0 }
        // What moves meanwhile reads the segment once more.
        #expect(read < (files + 1) * (8 << 20) + (8 << 20) / 4, "\(read) bytes for \(files) files")
        #expect(try second.checkFilled(one) == 60)
        second.close()
    }
}
