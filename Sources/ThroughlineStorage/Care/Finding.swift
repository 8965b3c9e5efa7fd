public import ThroughlineCore

/// Something that is not as it was written, and where.
public struct Finding: Sendable, Hashable {
    public enum Severity: String, Sendable {
        /// What was written is lost, changed, or cannot be told.
        case damage
        /// Damage that is known already: the stream answers `corrupt` until it is erased or restored.
        case quarantined
        /// Nothing that was acknowledged is touched by it, as far as can be told.
        case notice
    }

    public var severity: Severity
    /// The file, from the data folder on.
    public var file: String
    /// In bytes from the start of the file; `nil` when it is about the file as a whole.
    public var offset: Int?
    /// Whose records are concerned; `nil` when none are, or nobody can tell.
    public var stream: StreamID?
    /// What is wrong, in a few words.
    public var text: String

    init(
        _ file: String, _ offset: Int?, stream: StreamID? = nil, severity: Severity = .damage, _ text: String
    ) {
        self.severity = severity
        self.file = file
        self.offset = offset
        self.stream = stream
        self.text = text
    }
}

/// What a look at a data folder found.
public struct FolderReport: Sendable {
    public var findings: [Finding] = []
    /// Streams that are neither erased nor damaged.
    public var wholeStreams = 0
    public var erasedStreams = 0
    /// Events of all streams, as far as they are whole.
    public var events = 0
    /// Commits that have not moved to SQLite.
    public var commits = 0
    /// Bytes of all files that were read.
    public var bytes = 0

    /// Streams that answer `corrupt`, or would if the server opened the folder.
    public var damagedStreams: Set<StreamID> { Set(findings.filter { $0.severity != .notice }.compactMap(\.stream)) }
    public var isClean: Bool { !findings.contains { $0.severity != .notice } }
    /// Whether there is something that a repair would change.
    public var needsRepair: Bool { findings.contains { $0.severity == .damage } }
}
