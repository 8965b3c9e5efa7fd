import Foundation
import Synchronization
import Testing
import ThroughlineCore
import ThroughlineTestKit

@testable import ThroughlineStorage

private let one = StreamID("sessions/one")
private let two = StreamID("sessions/two")

/// Segments are used again as they are: behind and under new commits stand old ones.
@Suite struct RecyclingTests {
    /// A store driven by hand that has used its segments before: nothing moves by itself, and each segment has old commits of
    /// the same sizes in the same places.
    private final class Recycled {
        let folder = TemporaryFolder()
        let store: EmbeddedLogStore
        private(set) var tail: UInt64 = 0

        init() throws {
            var configuration = StoreConfiguration.tiny
            configuration.spareSegments = 4
            store = try EmbeddedLogStore(
                directory: folder.path, configuration: configuration, logger: .silent, hasThreads: false)
            while store.stepPool() {}
            while store.metrics.segments < 4 { try append() }
            while store.stepMover() {}
            while store.metrics.segments < 3 { try append() }
        }

        deinit { store.close() }

        func append() throws {
            let result = Mutex<StoreError?>(nil)
            let text = "\(tail)-" + String(repeating: "x", count: 100)
            store.append(.texts([text], to: one, expecting: tail, summary: "")) { done in
                result.withLock { $0 = done.storeError }
            }
            while store.stepWriter() {}
            if let error = result.withLock({ $0 }) { throw error }
            tail += 1
        }

        /// The headers of the commits of a segment that have its newest log number, with their places.
        func commits(_ path: String) throws -> [(offset: Int, header: CommitHeader)] {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            let tag = store.identity.withUnsafeBytes { $0.get(UInt64.self, at: 0) }
            let all = bytes.withUnsafeBytes { bytes in
                stride(from: 0, to: bytes.count, by: 8).compactMap { offset in
                    CommitHeader.decode(bytes, at: offset, storeTag: tag).map { (offset: offset, header: $0) }
                }
            }
            let newest = all.map(\.header.logNumber).max()
            return all.filter { $0.header.logNumber == newest }
        }

        /// The segments with what has not moved, in the order in which they are written.
        func inUse() throws -> [String] {
            let moved = UInt64(store.metrics.movedSegments)
            let numbered = try folder.segments.map { (path: $0, log: try commits($0).first?.header.logNumber ?? 0) }
            return numbered.filter { $0.log > moved }.sorted { $0.log < $1.log }.map(\.path)
        }
    }

    @Test func `a used segment is used again without being zeroed, and verify finds nothing wrong`() throws {
        let recycled = try Recycled()
        let paths = try recycled.inUse()
        #expect(paths.count == 3 && recycled.folder.segments.count <= 6)
        let last = try Data(contentsOf: URL(fileURLWithPath: paths[2]))
        #expect(last.last { $0 != 0 } != nil && last[last.count / 2..<last.count].contains { $0 != 0 })
        let crashed = try recycled.folder.copy()
        #expect(try DataFolder(crashed.path).verify().findings == [])
        let store = try crashed.open()
        #expect(try store.checkFilled(one) == recycled.tail)
        store.close()
    }

    @Test func `old bytes are never taken for the commit that was being written over them`() throws {
        let recycled = try Recycled()
        let path = try recycled.inUse()[2]
        let before = try Data(contentsOf: URL(fileURLWithPath: path))
        let offset = try #require(try recycled.commits(path).last.map { $0.offset + $0.header.stride })
        let tail = recycled.tail
        try recycled.append()
        try #require(try recycled.commits(path).last?.offset == offset)
        let after = try Data(contentsOf: URL(fileURLWithPath: path))
        let name = "/log/" + (path as NSString).lastPathComponent
        let crashed = try recycled.folder.copy()
        let end = offset + 64 + 300
        for cut in stride(from: offset, to: end, by: 3) {
            for isBeginningNew in [true, false] {
                let copy = try crashed.copy()
                let (start, rest) = isBeginningNew ? (after, before) : (before, after)
                try (start[..<cut] + rest[cut...]).write(to: URL(fileURLWithPath: copy.path + name))
                let store = try copy.open()
                let found = try store.checkFilled(one)
                #expect(found == tail || found == tail + 1, "cut at \(cut)")
                #expect(store.metrics.damagedStreams == 0)
                try store.fill(one, from: found, count: 2)
                store.close()
                let second = try copy.open()
                #expect(try second.checkFilled(one) == found + 2)
                second.close()
            }
        }
    }

    @Test func `the head of a segment's last commit is put together again, with old commits behind it`() throws {
        let recycled = try Recycled()
        let path = try recycled.inUse()[0]
        let commits = try recycled.commits(path)
        let name = "/log/" + (path as NSString).lastPathComponent
        let crashed = try recycled.folder.copy()
        for commit in [commits[commits.count - 1], commits[2]] {
            for place in stride(from: 0, to: 64, by: 9) {
                let copy = try crashed.copy()
                try edit(copy.path + name) { $0[commit.offset + place] ^= 1 }
                #expect(try DataFolder(copy.path).verify().needsRepair)
                let store = try copy.open()
                #expect(try store.checkFilled(one) == recycled.tail)
                store.close()
            }
        }
        // With an entry that is damaged too, nothing is made up.
        let copy = try crashed.copy()
        try edit(copy.path + name) { data in
            data[commits[commits.count - 1].offset + 20] ^= 1
            data[commits[commits.count - 1].offset + 150] ^= 1
        }
        #expect(throws: StoreError.self) { try copy.open().close() }
    }

    @Test func `what is erased goes from segments that wait to be used again, and from the one that takes their place`()
        throws
    {
        let folder = TemporaryFolder()
        var configuration = StoreConfiguration.tiny
        configuration.spareSegments = 3
        let store = try folder.open(configuration)
        defer { store.close() }
        for round in 0..<8 {
            let name = StreamID("sessions/secret-\(round)")
            for number in 0..<40 {
                let text = "MARKER-\(round)-\(number)-" + String(repeating: "y", count: 60)
                try store.appendAndWait(.texts([text], to: name, expecting: UInt64(number))).get()
            }
            try store.fill(two, from: UInt64(round) * 30, count: 30)
            eventually { store.metrics.segments <= 1 }
            #expect(try !folder.files(containing: "MARKER-\(round)").isEmpty)
            try store.eraseAndWait(name).get()
            #expect(try folder.files(containing: "MARKER") == [])
        }
        #expect(try store.checkFilled(two) == 240)
    }
}
