/// Sizes and limits of an ``EmbeddedLogStore``.
public struct StoreConfiguration: Sendable {
    /// Size of a segment of the log, in bytes, 4 KiB to 1 GiB. A commit that is larger gets a segment of its own.
    public var segmentBytes = 16 << 20
    /// How many segments are kept ready ahead of the one being written.
    public var spareSegments = 2
    /// At most so many segments hold records that have not moved to SQLite; then appends fail with `full`.
    public var maximumSegments = 512
    /// A commit takes no further appends once it has so many bytes. One append alone may be larger.
    public var maximumCommitBytes = 8 << 20
    /// Longest stretch of one stream in one row of SQLite, in bytes, unless a single append is longer.
    public var maximumRowBytes = 256 << 10
    /// Size of a page of a new file of SQLite's, in bytes, a power of two from 512 to 64 KiB. With pages of SQLite's usual 4 KiB the
    /// mover spends half of its time in calls to the operating system.
    public var pageBytes = 16 << 10
    /// Connections to SQLite that read at the same time.
    public var maximumReaders = 4
    /// The calls to the operating system; tests put their own here.
    public var fileSystem = FileSystem.real

    public init() {}

    /// The same with every number within its bounds.
    var bounded: StoreConfiguration {
        var copy = self
        copy.segmentBytes = min(max(segmentBytes, 4 << 10), 1 << 30) & ~4095
        copy.spareSegments = min(max(spareSegments, 0), 16)
        copy.maximumSegments = max(maximumSegments, 2)
        copy.maximumCommitBytes = min(max(maximumCommitBytes, 4 << 10), 64 << 20)
        copy.maximumRowBytes = min(max(maximumRowBytes, 1 << 10), 64 << 20)
        copy.pageBytes = min(max(pageBytes, 512), 64 << 10)
        copy.maximumReaders = min(max(maximumReaders, 1), 64)
        return copy
    }
}
