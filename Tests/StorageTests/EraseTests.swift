import Foundation
import Synchronization
import Testing
import ThroughlineCore
import ThroughlineStorage
import ThroughlineTestKit

private let secret = StreamID("sessions/secret")
private let other = StreamID("sessions/other")

/// A disk from which nothing can be read any more once it has failed.
private final class BreakableDisk: Sendable {
    private let isBroken = Mutex(false)

    func fail() { isBroken.withLock { $0 = true } }

    var configuration: StoreConfiguration {
        var configuration = StoreConfiguration.roomy
        let real = FileSystem.real
        configuration.fileSystem.read = { [self] descriptor, buffer, offset throws(SystemCallError) in
            if isBroken.withLock({ $0 }) { throw SystemCallError(call: "pread", code: EIO) }
            return try real.read(descriptor, buffer, offset)
        }
        return configuration
    }
}

@Suite struct EraseTests {
    @Test(arguments: [StoreConfiguration.tiny, .roomy])
    func `no byte of an erased stream is left in any file`(_ configuration: StoreConfiguration) throws {
        let folder = TemporaryFolder()
        let store = try folder.open(configuration)
        defer { store.close() }
        for number in 0..<60 {
            let text = "MARKER-\(number)-" + String(repeating: "y", count: number * 20)
            let append = LogAppend.texts([text], to: secret, expecting: UInt64(number), summary: "MARKER in a summary")
            try store.appendAndWait(append).get()
            try store.fill(other, from: UInt64(number), count: 1)
        }
        #expect(try !folder.files(containing: "MARKER").isEmpty)
        try store.eraseAndWait(secret).get()
        #expect(try folder.files(containing: "MARKER") == [])
        #expect(try store.checkFilled(other) == 60)
    }

    @Test func `nothing is left where rows were before SQLite moved them to other pages`() throws {
        let folder = TemporaryFolder()
        let store = try folder.open()
        defer { store.close() }
        var random = SeededRandom(seed: 5)
        let secrets = (0..<12).map { StreamID("sessions/secret-\($0)") }
        for round in 0..<25 {
            for stream in secrets + [other] {
                let text = "MARKER-" + String(repeating: "y", count: random.below(300))
                let summary = "MARKER-" + String(repeating: "z", count: random.below(700))
                try store.appendAndWait(
                    .texts(
                        [stream == other ? "kept" : text], to: stream, expecting: UInt64(round),
                        summary: stream == other ? "kept" : summary)
                ).get()
            }
        }
        for stream in secrets { try store.eraseAndWait(stream).get() }
        #expect(try folder.files(containing: "MARKER") == [])
        #expect(try store.readAll(other).count == 25)
    }

    @Test func `an erasure cut short at any moment is finished by the next start`() throws {
        let folder = TemporaryFolder()
        let store = try folder.open()
        for number in 0..<60 {
            try store.appendAndWait(.texts(["MARKER-\(number)"], to: secret, expecting: UInt64(number))).get()
            try store.fill(other, from: UInt64(number), count: 1)
        }
        let isDone = Mutex(false)
        store.erase(secret) { _ in isDone.withLock { $0 = true } }
        var copies: [TemporaryFolder] = []
        eventually { store.status(of: secret) == .erased }
        while !isDone.withLock({ $0 }), copies.count < 20 { copies.append(try folder.copy()) }
        store.close()
        for copy in copies {
            // A copy is of several moments: where SQLite's files do not fit together, no crash leaves them so.
            guard let store = try? copy.open() else { continue }
            #expect(store.status(of: secret) == .erased)
            try eventually { try store.metrics.segments == 0 && copy.files(containing: "MARKER").isEmpty }
            store.close()
        }
    }

    @Test func `erasures are finished before close returns`() throws {
        let folder = TemporaryFolder()
        let store = try folder.open()
        try store.fill(secret, count: 50)
        let results = Mutex<[StoreError?]>([])
        store.erase(secret) { result in results.withLock { $0.append(result.storeError) } }
        store.erase(other) { result in results.withLock { $0.append(result.storeError) } }
        store.close()
        #expect(results.withLock { $0 } == [nil, nil])
    }

    @Test(.timeLimit(.minutes(1))) func `an erasure that cannot be finished fails when the store closes`() throws {
        let folder = TemporaryFolder()
        let disk = BreakableDisk()
        let store = try folder.open(disk.configuration)
        try store.fill(secret, count: 5)
        disk.fail()
        let results = Mutex<[StoreError?]>([])
        store.erase(secret) { result in results.withLock { $0.append(result.storeError) } }
        store.close()
        #expect(results.withLock { $0.count == 1 && $0[0] != nil })
        let second = try folder.open()
        #expect(second.status(of: secret) == .erased)
        try eventually { try folder.files(containing: "0-xxx").isEmpty }
        second.close()
    }

    @Test func `an erasure that a start finds unfinished is finished once the disk works again`() throws {
        let folder = TemporaryFolder()
        let disk = BreakableDisk()
        let store = try folder.open(disk.configuration)
        try store.fill(secret, count: 5)
        disk.fail()
        store.erase(secret) { _ in }
        store.close()
        #expect(try !folder.files(containing: "0-xxx").isEmpty)
        // All of it moves, and then zeroing fails a few times. Nobody waits for it, and nothing is written that would have it go on.
        var configuration = StoreConfiguration.roomy
        let real = FileSystem.real
        let failures = Mutex(0)
        configuration.fileSystem.write = { descriptor, bytes, offset throws(SystemCallError) in
            var first: UInt8 = 0
            let count = try withUnsafeMutableBytes(of: &first) { buffer throws(SystemCallError) in
                try real.read(descriptor, buffer, offset)
            }
            let isZeroing = bytes.first == 0 && count == 1 && first != 0
            let isFailing =
                isZeroing
                && failures.withLock {
                    $0 += 1
                    return $0 <= 3
                }
            if isFailing { throw SystemCallError(call: "pwrite", code: EIO) }
            try real.write(descriptor, bytes, offset)
        }
        let second = try folder.open(configuration)
        defer { second.close() }
        try eventually { try folder.files(containing: "0-xxx").isEmpty }
        #expect(failures.withLock { $0 > 3 })
    }
}
