import Foundation
import Testing
import ThroughlineCore
import ThroughlineStorage
import ThroughlineTestKit

/// A flipped bit and a truncation at every kind of place in every file of a data folder.
///
/// After each: whatever is served is exactly what was written; what is not served is named by `verify`; and after a `repair`
/// every stream that `verify` did not name is served whole.
@Suite struct DamageTests {
    @Test func `a whole folder is clean`() throws {
        let fixture = try DamageFixture()
        let report = try DataFolder(fixture.crashed.path).verify()
        #expect(report.findings.filter { $0.severity != .notice } == [])
        #expect(report.wholeStreams == fixture.truth.count && report.erasedStreams == 1)
        #expect(report.events == fixture.truth.values.reduce(0) { $0 + $1.count })
        #expect(report.commits == fixture.commitsInLog)
        let outcome = try DataFolder(fixture.crashed.path).repair(now: Timestamp(milliseconds: 0))
        #expect(outcome.copies == nil && outcome.after.isClean)
    }

    @Test func `a folder of the first format is clean, and so is what a repair makes of it`() throws {
        let folder = TemporaryFolder()
        let place = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Fixtures/format-1"
        try FileManager.default.removeItem(atPath: folder.path)
        try FileManager.default.copyItem(atPath: place, toPath: folder.path)
        for path in folder.segments { #expect(truncate(path, 1 << 20) == 0) }
        let before = try DataFolder(folder.path).verify()
        #expect(before.findings == [] && before.wholeStreams > 0 && before.erasedStreams == 1)
        try edit(folder.path + "/identity") { $0[20] ^= 1 }
        let outcome = try DataFolder(folder.path).repair(now: Timestamp(milliseconds: 0))
        #expect(outcome.hasNewIdentity && outcome.after.isClean && outcome.after.events == before.events)
        let store = try folder.open()
        store.close()
    }

    @Test(arguments: DamageFixture.Kind.allCases)
    func `damage is named, confined and never served`(_ kind: DamageFixture.Kind) throws {
        let fixture = try DamageFixture()
        var random = SeededRandom(seed: 7)
        let damages = try fixture.damages(kind, using: &random)
        #expect(!damages.isEmpty)
        for damage in damages {
            let folder = try fixture.crashed.copy()
            try damage.apply(to: folder.path)
            try check(damage, folder, fixture)
        }
    }

    @Test func `a row of SQLite that has lost its name is the damage of its stream alone`() throws {
        let fixture = try DamageFixture()
        let folder = try fixture.crashed.copy()
        // What is in SQLite's log goes into its file.
        try folder.open(.roomy).close()
        var damaged: StreamID?
        for stream in fixture.truth.keys.sorted(by: { $0.rawValue < $1.rawValue }) where damaged == nil {
            try edit(folder.path + "/archive.sqlite") { if $0.forgetName(stream.rawValue) { damaged = stream } }
        }
        let name = try #require(damaged)
        let report = try DataFolder(folder.path).verify()
        #expect(report.needsRepair && report.findings.contains { $0.file.hasPrefix("archive.sqlite") })
        let store = try folder.open(.roomy)
        defer { store.close() }
        #expect(throws: StoreError.self) { _ = try store.readAll(name) }
        #expect(store.metrics.damagedStreams == 1)
        for (stream, expected) in fixture.truth where stream != name {
            let isWhole = try store.readAll(stream).map(\.payload) == expected
            #expect(isWhole)
        }
    }

    private func check(_ damage: DamageFixture.Damage, _ folder: TemporaryFolder, _ fixture: DamageFixture) throws {
        let before = try folder.fingerprint()
        let report = try DataFolder(folder.path).verify()
        #expect(try folder.fingerprint() == before, "verify changed something after \(damage)")
        let served = try serve(folder, damage, fixture, report, isRepaired: false)
        if served < fixture.truth.count {
            #expect(
                damage.isFoundElsewhere
                    || report.findings.contains { $0.file == damage.file || $0.text.contains(damage.file) },
                "\(damage) was not named")
        }

        let fresh = try fixture.crashed.copy()
        try damage.apply(to: fresh.path)
        let outcome = try DataFolder(fresh.path).repair(now: Timestamp(milliseconds: 1_700_000_000_000))
        #expect(!outcome.after.needsRepair, "\(damage): \(outcome.after.findings)")
        if let copies = outcome.copies { #expect(copies == "damaged-20231114T221320Z") }
        _ = try serve(fresh, damage, fixture, report, isRepaired: true)
    }

    /// Opens the folder and compares all that is served with what was written. Returns how many streams are whole.
    private func serve(
        _ folder: TemporaryFolder, _ damage: DamageFixture.Damage, _ fixture: DamageFixture, _ report: FolderReport,
        isRepaired: Bool
    ) throws -> Int {
        let store: EmbeddedLogStore
        do {
            store = try folder.open(.roomy)
        } catch {
            #expect(!isRepaired, "\(damage): the repaired folder does not open: \(error)")
            #expect(report.needsRepair, "\(damage): it does not open, and verify found nothing: \(error)")
            return 0
        }
        defer { store.close() }
        let isUntold = report.findings.contains { $0.stream == nil }
        var whole = 0
        for (stream, expected) in fixture.truth {
            let found: [[UInt8]]
            do {
                found = try store.readAll(stream).map(\.payload)
            } catch {
                #expect(
                    report.damagedStreams.contains(stream) || isUntold, "\(damage): \(stream) was not named: \(error)")
                continue
            }
            if found == expected {
                whole += 1
                continue
            }
            // Only what can have been lost without a trace in the folder: the end of the log.
            let isCut = found.count < expected.count && found == Array(expected.prefix(found.count))
            #expect(
                isCut && (isUntold || report.damagedStreams.contains(stream)), "\(damage): \(stream) is served wrong")
            #expect(isRepaired || damage.mayLookTorn, "\(damage): \(stream) is served without its end")
        }
        let status = store.status(of: DamageFixture.erased)
        #expect(status == .erased || isUntold || report.damagedStreams.contains(DamageFixture.erased), "\(damage)")
        return whole
    }
}

extension Data {
    /// In the row of the table (its first column is the number of the row, written as null) the type of the name becomes null, and
    /// that of the summary, a blob, one of so many bytes more: the row is as long as it says.
    fileprivate mutating func forgetName(_ name: String) -> Bool {
        let bytes = Data(name.utf8)
        var from = startIndex
        while let place = range(of: bytes, in: from..<endIndex)?.lowerBound {
            for before in Swift.max(startIndex, place - 12)..<place - 4
            where self[before] == 0 && Int(self[before + 1]) == 13 + 2 * bytes.count
                && lengthenBlob(before + 3, bytes.count)
            {
                self[before + 1] = 0
                return true
            }
            from = place + 1
        }
        return false
    }

    /// Makes the type of a blob, in one or two bytes, that of a longer one.
    private mutating func lengthenBlob(_ place: Int, _ count: Int) -> Bool {
        if self[place] < 0x80 {
            let type = Int(self[place]) + 2 * count
            guard self[place] >= 12, self[place] % 2 == 0, type < 0x80 else { return false }
            self[place] = UInt8(type)
        } else {
            let type = Int(self[place] & 0x7F) << 7 + Int(self[place + 1]) + 2 * count
            guard type % 2 == 0, type < 0x4000 else { return false }
            self[place] = 0x80 | UInt8(type >> 7)
            self[place + 1] = UInt8(type & 0x7F)
        }
        return true
    }
}
