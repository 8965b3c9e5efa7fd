import Foundation
import Synchronization
import Testing
import ThroughlineCore
import ThroughlineStorage
import ThroughlineTestKit

@Suite struct BackupTests {
    private let streams = (0..<5).map { StreamID("sessions/s\($0)") }
    private let now = Timestamp(milliseconds: 1_700_000_000_000)

    private func write(_ feed: BackupFeed, to path: String, between: () throws -> Void = {}) throws {
        #expect(FileManager.default.createFile(atPath: path, contents: nil))
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        defer { feed.close() }
        while let piece = try feed.next() {
            try handle.write(contentsOf: piece)
            try between()
        }
        try handle.close()
    }

    @Test func `a backup taken while the store writes and moves has all that was acknowledged before it`() throws {
        let folder = TemporaryFolder()
        let store = try folder.open()
        for stream in streams { try store.fill(stream, count: 60) }
        try store.eraseAndWait(streams[4]).get()
        let file = TemporaryFolder()
        var round: UInt64 = 0
        try write(try store.backup(at: now), to: file.path + "/b") {
            for stream in streams[..<4] { try store.fill(stream, from: 60 + round * 5, count: 5) }
            round += 1
        }
        try store.fill(streams[0], from: 60 + round * 5, count: 40)
        eventually { store.metrics.segments <= 1 }
        #expect(try store.checkFilled(streams[0]) == 100 + round * 5)
        store.close()

        let target = TemporaryFolder()
        let outcome = try DataFolder(target.path + "/new").restore(from: file.path + "/b")
        #expect(outcome.takenAt == now)
        #expect(outcome.report.isClean && outcome.report.wholeStreams == 4 && outcome.report.erasedStreams == 1)
        let restored = try EmbeddedLogStore(directory: target.path + "/new", configuration: .tiny, logger: .silent)
        for stream in streams[..<4] {
            let tail = try restored.checkFilled(stream)
            #expect(tail == 60)
            try restored.fill(stream, from: tail, count: 30)
            #expect(try restored.checkFilled(stream) == tail + 30)
        }
        #expect(restored.status(of: streams[4]) == .erased)
        #expect(restored.identity != store.identity)
        restored.close()
    }

    @Test func `a restored store may keep the identity of the original`() throws {
        let folder = TemporaryFolder()
        let store = try folder.open()
        try store.fill(streams[0], count: 3)
        try write(try store.backup(at: now), to: folder.path + "/b")
        _ = try DataFolder(folder.path + "/new").restore(from: folder.path + "/b", keepsIdentity: true)
        let restored = try EmbeddedLogStore(directory: folder.path + "/new", logger: .silent)
        #expect(restored.identity == store.identity)
        restored.close()
        store.close()
    }

    @Test func `a backup cut or changed anywhere is not restored`() throws {
        let folder = TemporaryFolder()
        let store = try folder.open()
        for stream in streams { try store.fill(stream, count: 12) }
        try write(try store.backup(at: now), to: folder.path + "/b")
        store.close()
        let whole = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/b"))
        var random = SeededRandom(seed: 3)
        for number in 0..<40 {
            let place = Int.random(in: 0..<whole.count, using: &random)
            var data = whole
            if number % 2 == 0 { data[place] ^= 1 << UInt8(number / 2 % 8) } else { data = data.prefix(place) }
            let path = folder.path + "/c\(number)"
            try data.write(to: URL(fileURLWithPath: path))
            #expect(throws: StoreError.self, "at \(place)") {
                try DataFolder(folder.path + "/r\(number)").restore(from: path)
            }
            // Half a restore is no store.
            guard FileManager.default.fileExists(atPath: folder.path + "/r\(number)") else { continue }
            #expect(throws: StoreError.self, "at \(place)") {
                try EmbeddedLogStore(directory: folder.path + "/r\(number)", logger: .silent).close()
            }
        }
    }

    @Test func `a restore does not touch a folder that is in use`() throws {
        let folder = TemporaryFolder()
        let store = try folder.open()
        try store.fill(streams[0], count: 3)
        try write(try store.backup(at: now), to: folder.path + "/b")
        #expect(throws: StoreError.self) { try DataFolder(folder.path).restore(from: folder.path + "/b") }
        #expect(try store.checkFilled(streams[0]) == 3)
        #expect(throws: StoreError.self) { try DataFolder(folder.path).verify() }
        store.close()
    }

    @Test func `a backup that is given up lets the log go on`() throws {
        let folder = TemporaryFolder()
        let store = try folder.open()
        try store.fill(streams[0], count: 50)
        let feed = try store.backup(at: now)
        _ = try feed.next()
        try store.fill(streams[0], from: 50, count: 100)
        feed.close()
        feed.close()
        #expect(throws: StoreError.self) { try feed.next() }
        eventually { store.metrics.segments <= 1 }
        #expect(folder.segments.count < 8)
        store.close()
    }
}
