import Foundation
import GRDB
import Testing
import ThroughlineTestKit

@testable import ThroughlineStorage

/// What SQLite leaves behind when it moves rows between pages, and that it does not get into the file.
@Suite struct BlankingTests {
    @Test func `what is deleted is in no unused part of a page`() throws {
        let left = try (0..<24).map { try textLeft(seed: $0, isBlanked: false) }
        #expect(left.contains(true), "SQLite leaves nothing behind any more: is the blanking needed still?")
        for seed in 0..<24 {
            #expect(try !textLeft(seed: UInt64(seed), isBlanked: true), "seed \(seed)")
        }
    }

    /// Rows come, change and go at random; then all that are marked are deleted, and SQLite's log is emptied.
    ///
    /// - Returns: Whether the mark is still in the file.
    private func textLeft(seed: UInt64, isBlanked: Bool) throws -> Bool {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("rows.sqlite")
        var configuration = Configuration()
        configuration.prepareDatabase { db in
            if isBlanked { try PageBlanking.begin(db) }
            for pragma in ["page_size = 4096", "secure_delete = ON", "journal_mode = WAL", "synchronous = OFF"] {
                _ = try Row.fetchAll(db, sql: "PRAGMA \(pragma)")
            }
        }
        let queue = try DatabaseQueue(path: file.path, configuration: configuration)
        var random = SeededRandom(seed: seed)
        try queue.writeWithoutTransaction { db in
            try db.execute(sql: "CREATE TABLE rows (id INTEGER PRIMARY KEY, name TEXT UNIQUE, content BLOB)")
            for _ in 0..<300 { try change(db, &random) }
            try db.execute(sql: "DELETE FROM rows WHERE name LIKE '<mark>%'")
            _ = try Row.fetchAll(db, sql: "PRAGMA wal_checkpoint(TRUNCATE)")
        }
        try queue.close()
        return try Data(contentsOf: file).range(of: Data("<mark>".utf8)) != nil
    }

    private func change(_ db: Database, _ random: inout SeededRandom) throws {
        let some = try Row.fetchOne(
            db, sql: "SELECT id, name FROM rows WHERE id >= ? ORDER BY id LIMIT 1", arguments: [random.below(10_000)])
        switch (random.below(20), some) {
        case (12..<17, let row?):
            let mark = String((row["name"] as String).prefix(6))
            try db.execute(
                sql: "UPDATE rows SET content = ? WHERE id = ?", arguments: [content(mark, &random), row["id"] as Int])
        case (17..., let row?): try db.execute(sql: "DELETE FROM rows WHERE id = ?", arguments: [row["id"] as Int])
        default:
            let (id, mark) = (random.below(10_000), random.chance(2) ? "<mark>" : "<keep>")
            try db.execute(
                sql: "INSERT OR IGNORE INTO rows VALUES (?, ?, ?)",
                arguments: [id, "\(mark)\(id)", content(mark, &random)])
        }
    }

    private func content(_ mark: String, _ random: inout SeededRandom) -> Data {
        Data(String(repeating: mark, count: 1 + random.below(250)).utf8)
    }
}
