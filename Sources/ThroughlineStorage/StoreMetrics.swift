/// What a store has done since it was opened, and what it holds.
public struct StoreMetrics: Sendable, Equatable {
    /// Batches made durable.
    public var commits = 0
    /// Appends and erasures made durable.
    public var appends = 0
    /// Bytes written to the log.
    public var bytes = 0
    /// Calls of fdatasync for commits.
    public var synchronizations = 0
    /// Records in the log that have not moved to SQLite.
    public var backlogRecords = 0
    /// Segments that hold records which have not moved.
    public var segments = 0
    /// Segments moved to SQLite.
    public var movedSegments = 0
    /// Last commits that were found torn when the store was opened, and dropped.
    public var tornCommits = 0
    /// Streams with a bad checksum.
    public var damagedStreams = 0

    public init() {}
}
