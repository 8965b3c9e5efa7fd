import Foundation
import Testing
import ThroughlineCore
import ThroughlineStorage
import ThroughlineTestKit

private let one = StreamID("sessions/one")
private let two = StreamID("sessions/two")

@Suite struct CrashTests {
    @Test func `a copy of the folder taken while the store writes opens with everything acknowledged`() throws {
        let folder = TemporaryFolder()
        let store = try folder.open(.roomy)
        defer { store.close() }
        for round in 0..<10 {
            try store.fill(one, from: UInt64(round) * 20, count: 20)
            let copy = try folder.copy()
            let second = try copy.open(.roomy)
            #expect(try second.checkFilled(one) == UInt64(round + 1) * 20)
            try second.fill(one, from: UInt64(round + 1) * 20, count: 3)
            #expect(try second.checkFilled(one) == UInt64(round + 1) * 20 + 3)
            second.close()
        }
    }

    @Test func `a copy taken between commits of a store that recycles loses nothing acknowledged`() throws {
        let folder = TemporaryFolder()
        let store = try folder.open(.tiny)
        defer { store.close() }
        for round in 0..<20 {
            try store.fill(one, from: UInt64(round) * 50, count: 50)
            eventually { store.metrics.segments <= 1 }
            let second = try folder.copy().open()
            #expect(try second.checkFilled(one) == UInt64(round + 1) * 50)
            second.close()
        }
        #expect(store.metrics.movedSegments > 50)
        #expect(folder.segments.count < 10)
    }

    @Test func `a last commit torn at any byte is dropped and the rest is served`() throws {
        let folder = TemporaryFolder()
        let store = try folder.open(.roomy)
        try store.fill(one, count: 3)
        let before = store.metrics.bytes
        try store.fill(one, from: 3, count: 1)
        let after = store.metrics.bytes
        let crashed = try folder.copy()
        store.close()
        for cut in stride(from: before, to: after - 8, by: 7) {
            let copy = try crashed.copy()
            // What had not reached the disk still has its zeros.
            try edit(copy.segments[0]) { $0.resetBytes(in: cut..<after) }
            try checkTorn(copy, dropped: cut > before ? 1 : 0)
        }
    }

    @Test func `a last commit with a flipped bit is dropped and the rest is served`() throws {
        let folder = TemporaryFolder()
        let store = try folder.open(.roomy)
        try store.fill(one, count: 3)
        let before = store.metrics.bytes
        try store.fill(one, from: 3, count: 1)
        let after = store.metrics.bytes
        let crashed = try folder.copy()
        store.close()
        for place in stride(from: before, to: after - 8, by: 11) {
            let copy = try crashed.copy()
            try edit(copy.segments[0]) { $0[place] ^= 1 << UInt8(place % 8) }
            try checkTorn(copy, dropped: nil)
        }
    }

    @Test func `a moved segment of which the zeroing was cut short is no damage, whatever is torn in it`() throws {
        let folder = TemporaryFolder()
        var store = try folder.open(.roomy)
        try store.fill(one, count: 3)
        let before = store.metrics.bytes
        try store.fill(one, from: 3, count: 1)
        let crashed = try folder.copy()
        store.close()
        // The fourth commit has its head and not its end; then everything moves, and of the zeros only the first get to the disk.
        try edit(crashed.segments[0]) { $0.resetBytes(in: before + 64..<$0.count) }
        let torn = try Data(contentsOf: URL(fileURLWithPath: crashed.segments[0]))
        let path = crashed.segments[0]
        store = try crashed.open(.roomy)
        eventually { store.metrics.movedSegments == 1 }
        store.close()
        var remains = torn
        remains.resetBytes(in: 0..<64)
        try remains.write(to: URL(fileURLWithPath: path))
        store = try crashed.open(.roomy)
        #expect(try store.checkFilled(one) == 3)
        store.close()
    }

    /// Opens a folder whose fourth event is torn, twice, and goes on in it.
    private func checkTorn(_ folder: TemporaryFolder, dropped: Int?) throws {
        var store = try folder.open(.roomy)
        #expect(try store.checkFilled(one) == 3)
        if let dropped { #expect(store.metrics.tornCommits <= dropped) }
        try store.fill(one, from: 3, count: 2)
        let crashed = try folder.copy()
        store.close()
        store = try crashed.open(.roomy)
        #expect(try store.checkFilled(one) == 5)
        store.close()
    }

    @Test func `a bit flipped in the middle is never served: its stream answers corrupt, the others are served`() throws
    {
        let folder = TemporaryFolder()
        let store = try folder.open(.roomy)
        try store.fill(two, count: 3)
        let start = store.metrics.bytes
        try store.fill(one, count: 1)
        let end = store.metrics.bytes
        try store.fill(two, from: 3, count: 3)
        let crashed = try folder.copy()
        store.close()
        var outcomes: (refused: Int, confined: Int, mended: Int) = (0, 0, 0)
        for place in stride(from: start, to: end, by: 5) {
            let copy = try crashed.copy()
            try edit(copy.segments[0]) { $0[place] ^= 1 << UInt8(place % 8) }
            do {
                let store = try copy.open(.roomy)
                defer { store.close() }
                #expect(try store.checkFilled(two) == 6)
                try store.fill(two, from: 6, count: 1)
                // The head of a commit can be put together again, and the padding behind it carries nothing.
                if let records = try? store.readAll(one) {
                    #expect(records.count == 1 && (place < start + 64 || place >= end - 8))
                    outcomes.mended += 1
                    continue
                }
                #expect(throws: StoreError.self) { try store.readAll(one) }
                #expect(store.metrics.damagedStreams == 1)
                let error = store.appendAndWait(.texts(["x"], to: one, expecting: 1)).storeError
                guard case .corrupt = error else {
                    Issue.record("\(String(describing: error))")
                    continue
                }
                outcomes.confined += 1
            } catch let error as StoreError {
                guard case .corrupt(let reason) = error else { throw error }
                #expect(reason.contains("segment-00000001.log at "))
                outcomes.refused += 1
            }
        }
        #expect(outcomes.confined > 10 && outcomes.refused > 5 && outcomes.mended > 10)
    }

    @Test func `damage moved to the archive is remembered, and erasing the stream removes it`() throws {
        let folder = TemporaryFolder()
        var store = try folder.open(.roomy)
        try store.appendAndWait(.texts(["PAYLOAD-TO-FIND"], to: one, expecting: 0)).get()
        try store.fill(two, count: 3)
        let crashed = try folder.copy()
        store.close()
        try edit(crashed.segments[0]) { data in
            guard let place = data.range(of: Data("TO-FIND".utf8)) else { return }
            data[place.lowerBound] ^= 4
        }
        store = try crashed.open(.roomy)
        eventually { store.metrics.movedSegments == 1 }
        store.close()
        store = try crashed.open(.roomy)
        #expect(throws: StoreError.self) { try store.readAll(one) }
        #expect(try store.checkFilled(two) == 3)
        try store.eraseAndWait(one).get()
        #expect(store.status(of: one) == .erased)
        #expect(try crashed.files(containing: "PAYLOAD-") == [])
        store.close()
    }

    @Test func `a bit that flips while the store is open is found by the read`() throws {
        let folder = TemporaryFolder()
        let store = try folder.open(.roomy)
        defer { store.close() }
        try store.fill(one, count: 3)
        try edit(folder.segments[0]) { $0[200] ^= 1 }
        #expect(throws: StoreError.self) { try store.readAll(one) }
        #expect(try store.readAll(one, after: SequenceNumber(1)).count == 2)
    }

    @Test func `a flipped bit in the archive is found by the read`() throws {
        let folder = TemporaryFolder()
        var store = try folder.open()
        try store.fill(one, count: 100)
        try store.fill(two, count: 100)
        eventually { store.metrics.segments <= 1 }
        store.close()
        try edit(folder.path + "/archive.sqlite") { data in
            guard let place = data.range(of: Data("7-xxxxx".utf8)) else { return }
            data[place.lowerBound + 4] ^= 1
        }
        store = try folder.open()
        defer { store.close() }
        let results = [one, two].map { stream in Result { try store.readAll(stream).count } }
        #expect(results.filter { (try? $0.get()) == 100 }.count == 1)
    }

    @Test func `a second server on the same folder is refused and told who holds it`() throws {
        let folder = TemporaryFolder()
        let store = try folder.open()
        do {
            _ = try folder.open()
            Issue.record("it was let in")
        } catch let error as StoreError {
            #expect("\(error)".contains("process \(getpid())"))
        }
        store.close()
        try folder.open().close()
    }

    @Test func `files and folders are the owner's alone`() throws {
        let folder = TemporaryFolder()
        let store = try folder.open()
        defer { store.close() }
        try store.fill(one, count: 100)
        let manager = FileManager.default
        for name in manager.enumerator(atPath: folder.path)?.compactMap({ $0 as? String }) ?? [] {
            guard let attributes = try? manager.attributesOfItem(atPath: folder.path + "/" + name) else { continue }
            let mode = (attributes[.posixPermissions] as? NSNumber)?.intValue ?? 0
            #expect(mode & 0o077 == 0, "\(name)")
        }
    }
}
