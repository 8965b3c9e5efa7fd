public import ThroughlineCore

/// What is in a backup, after every block of it was checked.
public struct BackupSummary: Sendable {
    public private(set) var takenAt = Timestamp(rawValue: 0)
    /// Streams that are not erased.
    public private(set) var streams = 0
    public private(set) var commits = 0
    public private(set) var bytes = 0

    /// Reads the whole file. Throws `corrupt` at the first block that is not what was written, or when the end is missing.
    public init(checking path: String, fileSystem: FileSystem = .real) throws(StoreError) {
        do {
            var file = try BackupFile(path: path, fileSystem)
            defer { file.close() }
            var names: Set<String> = []
            var block = try file.next()
            while block.kind != .end {
                var payload = BackupPayload(block.payload)
                switch block.kind {
                case .begin:
                    _ = payload.number(UInt32.self)
                    takenAt = Timestamp(rawValue: payload.number(Int64.self))
                case .stream: Self.take(&payload, into: &names)
                case .commit:
                    commits += 1
                    Self.take(block.payload, into: &names)
                default: break
                }
                block = try file.next()
            }
            bytes = file.offset
            streams = names.count
        } catch { throw StoreError(archive: error) }
    }

    private static func take(_ stream: inout BackupPayload, into names: inout Set<String>) {
        _ = stream.bytes(16)
        let isErased = stream.number(UInt8.self) != 0
        let length = stream.number(UInt32.self)
        _ = stream.bytes(8)
        let name = String(decoding: stream.bytes(Int(length)), as: UTF8.self)
        if !isErased { names.insert(name) }
    }

    private static func take(_ commit: [UInt8], into names: inout Set<String>) {
        commit.withUnsafeBytes { bytes in
            guard bytes.count >= CommitHeader.size else { return }
            let tag = bytes.get(UInt64.self, at: 16)
            guard let header = CommitHeader.decode(bytes, at: 0, storeTag: tag) else { return }
            LogEntry.forEach(in: bytes, at: 0, header) { _, decoded in
                guard case .intact(let entry) = decoded else { return }
                if entry.kind == .erase {
                    names.remove(entry.stream.rawValue)
                } else {
                    names.insert(entry.stream.rawValue)
                }
            }
        }
    }
}
