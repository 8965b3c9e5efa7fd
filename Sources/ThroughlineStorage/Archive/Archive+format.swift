import GRDB
import ThroughlineCore

extension Archive {
    /// Makes the tables of a new archive, or brings those of an older format to the newest, all or nothing.
    ///
    /// - Returns: The version that was found; `nil` for a new archive.
    static func upgrade(_ db: Database) throws -> Int? {
        let found = try version(of: db)
        if let found, found > StoreFormat.version { throw StoreFormat.refusal(found) }
        if found == StoreFormat.version { return found }
        try db.inTransaction {
            try db.execute(sql: schema)
            try db.execute(sql: "PRAGMA user_version = \(StoreFormat.version)")
            return .commit
        }
        return found
    }

    /// Format 1 did not write its number down: there it is 0.
    private static func version(of db: Database) throws -> Int? {
        if let version = try Int.fetchOne(db, sql: "PRAGMA user_version"), version > 0 { return version }
        return try db.tableExists("position") ? 1 : nil
    }
}
