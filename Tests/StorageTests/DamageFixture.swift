import Foundation
import ThroughlineCore
import ThroughlineStorage
import ThroughlineTestKit

/// A folder as a crash would leave it, with something in every file, and the places in it that can be damaged.
struct DamageFixture {
    enum Kind: String, CaseIterable, Sendable {
        case commitHeader, entryHeader, entryName, entryPayload, entryEnd, lastCommit, zerosAfterTheEnd, logTruncated
        case identity, identityTruncated, identityRemoved, lock
        case databaseHeader, tablePages, indexPages, anyPage, blobs, databaseTruncated, databaseRemoved
        case walHeader, walFrameHeaders, walFrameData, walTruncated
    }

    /// One thing done to one file.
    struct Damage: CustomStringConvertible {
        enum Change {
            case flip(Int, bit: Int)
            case truncate(Int)
            case remove
        }

        var kind: Kind
        var file: String
        var change: Change

        var description: String { "\(kind) \(file) \(change)" }
        /// Whether what is left may be what a loss of power leaves, so that nobody can tell.
        var mayLookTorn: Bool {
            [
                .lastCommit, .zerosAfterTheEnd, .logTruncated, .walTruncated, .walFrameHeaders,
                .walFrameData, .walHeader,
            ]
            .contains(kind)
        }
        /// A file that is gone, or cut at the right place, is missed by others.
        var isFoundElsewhere: Bool { [.walTruncated, .logTruncated, .databaseTruncated].contains(kind) }

        func apply(to folder: String) throws {
            let path = folder + "/" + file
            switch change {
            case .flip(let offset, let bit): try edit(path) { $0[offset] ^= 1 << UInt8(bit) }
            case .truncate(let length):
                let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
                try handle.truncate(atOffset: UInt64(length))
                try handle.close()
            case .remove: try FileManager.default.removeItem(atPath: path)
            }
        }
    }

    static let erased = StreamID("sessions/erased")
    let crashed: TemporaryFolder
    private(set) var truth: [StreamID: [[UInt8]]] = [:]
    let commitsInLog: Int
    private let segment: String

    init() throws {
        let folder = TemporaryFolder()
        let streams = (0..<6).map { StreamID("sessions/s\($0)") }
        var store = try folder.open(.tiny)
        try store.fill(Self.erased, count: 5)
        for round in 0..<6 {
            for stream in streams { try store.fill(stream, from: UInt64(round) * 3, count: 3, size: 120) }
        }
        // Longer than a page of SQLite.
        try store.fill(streams[0], from: 18, count: 1, size: 9000)
        try store.eraseAndWait(Self.erased).get()
        for stream in streams[1...] { try store.fill(stream, from: 18, count: 1, size: 300) }
        store.close()
        // What is left in the log moves, into SQLite's own log; what comes then stays where it is.
        store = try folder.open(.roomy)
        eventually { store.metrics.segments == 0 }
        let before = store.metrics.commits
        for stream in streams { try store.fill(stream, from: 19, count: 2, size: 80) }
        commitsInLog = store.metrics.commits - before
        crashed = try folder.copy()
        for stream in streams { truth[stream] = try store.readAll(stream).map(\.payload) }
        store.close()
        let name = crashed.segments.first { path in
            ((try? Data(contentsOf: URL(fileURLWithPath: path)))?.first).map { $0 != 0 } ?? false
        }
        segment = "log/" + ((name ?? "") as NSString).lastPathComponent
    }

    func damages(_ kind: Kind, using random: inout SeededRandom) throws -> [Damage] {
        switch kind {
        case .commitHeader:
            return flips(kind, segment, commits.dropLast().prefix(4).flatMap { strided($0, 64, 9) }, &random)
        case .entryHeader: return flips(kind, segment, commits[3..<5].flatMap { strided($0 + 64, 48, 5) }, &random)
        case .entryName: return flips(kind, segment, commits[2..<5].flatMap { strided($0 + 112, 11, 4) }, &random)
        case .entryPayload: return flips(kind, segment, commits[2..<6].flatMap { strided($0 + 130, 70, 19) }, &random)
        case .entryEnd: return flips(kind, segment, commits[1..<5].map { $0 - 1 }, &random)
        case .lastCommit: return flips(kind, segment, strided(commits[commits.count - 1], 180, 13), &random)
        case .zerosAfterTheEnd: return flips(kind, segment, [900_000, try size(segment) - 1], &random)
        case .logTruncated:
            let last = commits[commits.count - 1]
            return cuts(
                kind, segment, [0, 1, 100, commits[2], commits[2] + 70, commits[4], last, last + 100, 4096, 8192])
        case .identity: return flips(kind, "identity", strided(0, 44, 5), &random)
        case .identityTruncated: return cuts(kind, "identity", [0, 20, 43])
        case .identityRemoved: return [Damage(kind: kind, file: "identity", change: .remove)]
        case .lock: return flips(kind, "LOCK", [0, 4], &random) + cuts(kind, "LOCK", [0])
        case .databaseHeader: return flips(kind, database, strided(0, 100, 3), &random)
        case .tablePages: return flips(kind, database, pages([13, 5]).flatMap { strided($0, 60, 11) }, &random)
        case .indexPages: return flips(kind, database, pages([10, 2]).flatMap { strided($0, 40, 7) }, &random)
        case .anyPage:
            let size = try size(database)
            return flips(kind, database, (0..<60).map { _ in Int.random(in: 100..<size, using: &random) }, &random)
        case .blobs:
            return flips(kind, database, try places(of: "-xxxxx", in: database).prefix(20).map { $0 + 3 }, &random)
        case .databaseTruncated:
            return cuts(kind, database, [0, 50, 4096, 6000, try size(database) / 2, try size(database) - 1])
        case .databaseRemoved: return [Damage(kind: kind, file: database, change: .remove)]
        case .walHeader: return flips(kind, wal, strided(0, 32, 3), &random)
        case .walFrameHeaders:
            return flips(kind, wal, try frames().dropLast().prefix(4).flatMap { strided($0, 24, 5) }, &random)
        case .walFrameData:
            return flips(
                kind, wal, try frames().dropLast().flatMap { frame in [24, 1000, 3000, 4100].map { frame + $0 } },
                &random)
        case .walTruncated: return cuts(kind, wal, [10, 32, 3000, try size(wal) - 5000])
        }
    }

    private let database = "archive.sqlite"
    private let wal = "archive.sqlite-wal"

    private func strided(_ start: Int, _ count: Int, _ step: Int) -> [Int] {
        Array(stride(from: start, to: start + count, by: step))
    }

    private func flips(
        _ kind: Kind, _ file: String, _ places: some Sequence<Int>, _ random: inout SeededRandom
    ) -> [Damage] {
        places.map { Damage(kind: kind, file: file, change: .flip($0, bit: Int.random(in: 0..<8, using: &random))) }
    }

    private func cuts(_ kind: Kind, _ file: String, _ lengths: [Int]) -> [Damage] {
        lengths.map { Damage(kind: kind, file: file, change: .truncate($0)) }
    }

    private func data(_ file: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: crashed.path + "/" + file))
    }
    private func size(_ file: String) throws -> Int { try data(file).count }

    /// Where the commits begin.
    private var commits: [Int] { (try? places(of: "TLCOMMIT", in: segment)) ?? [] }

    private func places(of text: String, in file: String) throws -> [Int] {
        let data = try data(file)
        var places: [Int] = []
        var start = data.startIndex
        while let found = data.range(of: Data(text.utf8), in: start..<data.endIndex) {
            places.append(found.lowerBound)
            start = found.upperBound
        }
        return places
    }

    private static let pageBytes = 16384

    /// Where the pages of some kinds begin, behind the first.
    private func pages(_ kinds: Set<UInt8>) -> [Int] {
        guard let data = try? data(database) else { return [] }
        return stride(from: Self.pageBytes, to: data.count, by: Self.pageBytes).filter { kinds.contains(data[$0]) }
    }

    private func frames() throws -> [Int] {
        let frame = Self.pageBytes + 24
        return Array(stride(from: 32, through: try size(wal) - frame, by: frame))
    }
}

extension TemporaryFolder {
    /// What is in every file.
    func fingerprint() throws -> [String: Int] {
        var all: [String: Int] = [:]
        for name in FileManager.default.enumerator(atPath: path)?.compactMap({ $0 as? String }) ?? [] {
            all[name] = (try? Data(contentsOf: URL(fileURLWithPath: path + "/" + name)))?.hashValue ?? 0
        }
        return all
    }
}
