import CThroughlineChecksum
import Foundation
import Synchronization
import Testing
import ThroughlineCore
import ThroughlineStorage
import ThroughlineTestKit

/// A data folder that a server of format 1 wrote, and what that server answered.
private struct Fixture {
    struct Expected: Decodable {
        struct Session: Decodable { let events: [String], snapshot: String }
        struct Lease: Decodable { let run: String, token: String, written: UInt64 }
        let sessions: [String: Session]
        let runs: [String: Lease]
    }

    static let place = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")
    let expected: Expected
    let segmentBytes: Int

    init(segmentBytes: Int) throws {
        self.segmentBytes = segmentBytes
        let json = try Data(contentsOf: Self.place.appendingPathComponent("format-1.json"))
        expected = try JSONDecoder().decode(Expected.self, from: json)
    }

    /// A copy, with the zeros at the end of its segments.
    func copy() throws -> TemporaryFolder {
        let folder = TemporaryFolder()
        try FileManager.default.removeItem(atPath: folder.path)
        try FileManager.default.copyItem(atPath: Self.place.path + "/format-1", toPath: folder.path)
        for path in folder.segments { #expect(truncate(path, off_t(segmentBytes)) == 0) }
        return folder
    }

    var configuration: StoreConfiguration {
        var configuration = StoreConfiguration()
        configuration.segmentBytes = segmentBytes
        configuration.spareSegments = 1
        return configuration
    }

    /// Compares the events, one by one.
    func checkEvents(_ store: EmbeddedLogStore) throws {
        for (name, session) in expected.sessions {
            let records = try store.readAll(StreamID("sessions/" + name)).filter { $0.kind == .event }
            #expect(records.map { String(decoding: $0.payload, as: UTF8.self) } == session.events, "\(name)")
        }
        #expect(store.status(of: StreamID("sessions/gone")) == .erased)
    }

    /// Compares everything.
    func check(_ store: EmbeddedLogStore) throws {
        try checkEvents(store)
        for (name, session) in expected.sessions {
            let records = try store.readAll(StreamID("sessions/" + name))
            var machine = try #require(SessionMachine(replaying: records))
            // Snapshots of that time had no queue and no read marks.
            let snapshot = String(decoding: try machine.snapshot(), as: UTF8.self)
                .replacing(/"queue":\[[^\]]*\],/, with: "").replacing(",\"reads\":[]}", with: "}")
            #expect(snapshot == session.snapshot, "\(name)")
            if let lease = expected.runs[name] { try check(lease, &machine) }
        }
        var streams: Set<String> = []
        try store.forEachStream { stream, _, summary in
            if SessionSummary(stored: summary) != nil { streams.insert(stream.rawValue) }
        }
        #expect(streams == Set(expected.sessions.keys.map { "sessions/" + $0 }))
    }

    /// The private records are there too: the lease is the agent's, and its last write is known.
    private func check(_ lease: Expected.Lease, _ machine: inout SessionMachine) throws {
        let run = try #require(RunID(lease.run))
        let at = Timestamp(milliseconds: 2_000_000_000_000)
        #expect(try machine.write([], run: run, token: lease.token, number: lease.written, at: at).isDuplicate)
        #expect(try !machine.write([], run: run, token: lease.token, number: lease.written + 1, at: at).isDuplicate)
        #expect(throws: Refusal.self) {
            try machine.write([], run: run, token: "another", number: lease.written + 2, at: at)
        }
    }
}

@Suite struct UpgradeTests {
    @Test func `a data folder of format 1 opens, holds all it held, and is of the newest format afterwards`() throws {
        let fixture = try Fixture(segmentBytes: 64 << 20)
        let folder = try fixture.copy()
        let before = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/identity"))
        for _ in 0..<2 {
            let store = try folder.open(fixture.configuration)
            try fixture.check(store)
            #expect(store.identity == Array(before[8..<40]))
            eventually { store.metrics.segments == 0 }
            try fixture.check(store)
            // What later formats brought works.
            let alpha = StreamID("sessions/alpha")
            store.saveCheckpoint(Checkpoint(sequence: SequenceNumber(9), bytes: [1, 2, 3]), of: alpha)
            try eventually { try store.checkpoint(of: alpha)?.bytes == [1, 2, 3] }
            store.close()
        }
        let after = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/identity"))
        #expect(String(decoding: before[..<8], as: UTF8.self) == "TLSTORE1")
        #expect(String(decoding: after[..<8], as: UTF8.self) == "TLSTORE3" && after[8..<40] == before[8..<40])
    }

    @Test func `an upgrade that fails or ends at any call is done again, and nothing is missing`() throws {
        let fixture = try Fixture(segmentBytes: 1 << 20)
        var failures = 0
        while true {
            let folder = try fixture.copy()
            let calls = Mutex(0)
            let fail: @Sendable (String) throws(SystemCallError) -> Void = { [failures] call throws(SystemCallError) in
                let number = calls.withLock { calls in
                    calls += 1
                    return calls
                }
                if number > failures { throw SystemCallError(call: call, code: EIO) }
            }
            var faulty = fixture.configuration
            faulty.spareSegments = 0
            let real = FileSystem.real
            faulty.fileSystem.write = { descriptor, bytes, offset throws(SystemCallError) in
                try fail("pwrite")
                try real.write(descriptor, bytes, offset)
            }
            faulty.fileSystem.synchronize = { descriptor throws(SystemCallError) in
                try fail("fdatasync")
                try real.synchronize(descriptor)
            }
            faulty.fileSystem.rename = { old, new throws(SystemCallError) in
                try fail("rename")
                try real.rename(old, new)
            }
            faulty.fileSystem.synchronizeDirectory = { path throws(SystemCallError) in
                try fail("fsync")
                try real.synchronizeDirectory(path)
            }
            if let store = try? folder.open(faulty) {
                store.close()
                break
            }
            let store = try folder.open(fixture.configuration)
            try fixture.checkEvents(store)
            store.close()
            failures += 1
        }
        #expect(failures >= 5, "only \(failures) calls to fail at")
    }

    @Test func `a folder of a newer format is refused with a sentence, and left as it is`() throws {
        let folder = TemporaryFolder()
        try folder.open(.roomy).close()
        let identity = folder.path + "/identity"
        let mine = try Data(contentsOf: URL(fileURLWithPath: identity))
        try edit(identity) { data in
            data[7] = UInt8(ascii: "4")
            let checksum = data[..<40].withUnsafeBytes { throughline_crc32c(0, $0.baseAddress!, 40) }
            data.replaceSubrange(40..<44, with: withUnsafeBytes(of: checksum.littleEndian) { Data($0) })
        }
        try refused(folder)
        try edit(identity) { $0 = mine }
        // The archive's own mark: bytes 60 to 63 of an SQLite file are its user_version.
        try edit(folder.path + "/archive.sqlite") { $0[63] = 4 }
        try refused(folder)
        try edit(folder.path + "/archive.sqlite") { $0[63] = 3 }
        try folder.open(.roomy).close()
        // A flipped bit is damage, not a newer format.
        try edit(identity) { $0[7] = UInt8(ascii: "2") }
        #expect(throws: StoreError.corrupt("\(identity) is not the identity of a store")) { try folder.open(.roomy) }
    }

    private func refused(_ folder: TemporaryFolder) throws {
        let before = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/identity"))
        do {
            try folder.open(.roomy).close()
            Issue.record("it was opened")
        } catch let error as StoreError {
            #expect("\(error)".contains("has format 4, and this version of Throughline knows formats up to 3"))
        }
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder.path + "/identity")) == before)
    }
}
