public import ThroughlineCore

extension EmbeddedLogStore {
    /// Everything that is durable now, as a file to be pulled, while the store goes on taking appends.
    ///
    /// Segments of the log are kept, and SQLite's log grows, until it is closed.
    public func backup(at now: Timestamp) throws(StoreError) -> BackupFeed {
        do {
            let backup = try makeBackup(at: now)
            return BackupFeed { () throws(StoreError) in
                do { return try backup.next() } catch { throw StoreError(archive: error) }
            } close: {
                backup.close()
            }
        } catch { throw StoreError(archive: error) }
    }
}
