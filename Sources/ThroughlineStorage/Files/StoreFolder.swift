import Glibc
import ThroughlineCore

/// The folder of a store: its lock, its identity and the names of its files.
///
/// ```
/// LOCK            held with flock while a server uses the folder; its text names the process
/// identity        "TLSTORE" and a digit, the format's version; 32 random bytes; u32 CRC-32C of these 40
/// log/            segment-<id>.log, and segment-<id>.new while one is being made
/// archive.sqlite  what has moved from the log (and -wal, -shm beside it)
/// ```
final class StoreFolder: Sendable {
    let path: String
    let identity: [UInt8]
    /// The version of the format that the folder had when it was opened.
    let version: Int
    /// Whether the store is only now being made.
    let isNew: Bool
    private let files: FileSystem
    private let lock: Int32

    var logPath: String { path + "/log" }
    var archivePath: String { path + "/archive.sqlite" }

    /// The first eight bytes of the identity: marks every commit as this store's.
    var tag: UInt64 { identity.withUnsafeBytes { $0.get(UInt64.self, at: 0) } }

    init(_ path: String, _ files: FileSystem) throws(StoreError) {
        self.path = path
        self.files = files
        do throws(SystemCallError) {
            try files.createDirectory(path)
            try files.createDirectory(path + "/log")
        } catch { throw StoreError(opening: error) }
        lock = try Self.lock(path + "/LOCK", files)
        do throws(StoreError) {
            (identity, version, isNew) = try Self.identity(in: path, files)
        } catch {
            files.close(lock)
            throw error
        }
    }

    /// Lets the next server in.
    func unlock() { files.close(lock) }

    /// Makes the archive's file, when it is not there, with the mode that SQLite then gives to those beside it too.
    func createArchive() throws(SystemCallError) {
        files.close(try files.open(archivePath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600))
    }

    func segmentPath(_ id: UInt32) -> String { segmentPath(id, ".log") }

    /// What a segment is called while it is being made.
    func segmentDraftPath(_ id: UInt32) -> String { segmentPath(id, ".new") }

    private func segmentPath(_ id: UInt32, _ suffix: String) -> String {
        let digits = String(id)
        return "\(logPath)/segment-\(String(repeating: "0", count: max(0, 8 - digits.count)))\(digits)\(suffix)"
    }

    /// The ids of all segment files, in order.
    func segmentIDs() throws(StoreError) -> [UInt32] { try segmentIDs(".log") }

    /// The ids of the segments that were being made when the server ended, in order.
    func segmentDraftIDs() throws(StoreError) -> [UInt32] { try segmentIDs(".new") }

    private func segmentIDs(_ suffix: String) throws(StoreError) -> [UInt32] {
        let names: [String]
        do throws(SystemCallError) { names = try files.list(logPath) } catch { throw StoreError(opening: error) }
        return names.compactMap { name in
            guard name.hasPrefix("segment-"), name.hasSuffix(suffix) else { return nil }
            return UInt32(name.dropFirst(8).dropLast(4))
        }.sorted()
    }

    private static func lock(_ path: String, _ files: FileSystem) throws(StoreError) -> Int32 {
        do throws(SystemCallError) {
            let descriptor = try files.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            do throws(SystemCallError) {
                try files.lock(descriptor)
            } catch {
                let holder = (try? files.contents(of: path)).map { String(decoding: $0, as: UTF8.self) } ?? "unknown"
                files.close(descriptor)
                throw SystemCallError(
                    call: "another server uses this folder (\(holder)); flock", path: path, code: error.code)
            }
            do throws(SystemCallError) {
                try? files.truncate(descriptor, 0)
                try files.write(Array("process \(files.processID())".utf8), to: descriptor)
            } catch {
                files.close(descriptor)
                throw error
            }
            return descriptor
        } catch { throw StoreError(opening: error) }
    }

    /// Notes that the folder has the newest format, in one step.
    func writeVersion() throws(SystemCallError) { try StoreIdentity.write(identity, in: path, files) }

    /// The identity, and whether the store is only now being made: then ``settle()`` has to follow.
    ///
    /// A store that was ever used has an identity and an archive. When one of them is gone, that is damage, and no new store.
    private static func identity(
        in folder: String, _ files: FileSystem
    ) throws(StoreError) -> (bytes: [UInt8], version: Int, isNew: Bool) {
        let path = folder + "/identity"
        do {
            let hasArchive = files.exists(folder + "/archive.sqlite")
            if files.exists(path) { return try known(try files.contents(of: path), path, hasArchive) }
            let hasLog = try files.list(folder + "/log").contains { $0.hasPrefix("segment-") && $0.hasSuffix(".log") }
            if hasLog || hasArchive && !files.exists(path + ".new") { throw StoreError.corrupt("\(path) is missing") }
            let identity = files.randomBytes(StoreIdentity.count)
            try StoreIdentity.writeDraft(identity, in: folder, files)
            // An archive is never there without it.
            try files.synchronizeDirectory(folder)
            return (identity, StoreFormat.version, true)
        } catch let error as StoreError { throw error } catch { throw StoreError(archive: error) }
    }

    private static func known(
        _ bytes: [UInt8], _ path: String, _ hasArchive: Bool
    ) throws(StoreError) -> (bytes: [UInt8], version: Int, isNew: Bool) {
        guard let (identity, version) = StoreIdentity.decode(bytes) else {
            throw .corrupt("\(path) is not the identity of a store")
        }
        guard let identity else { throw StoreFormat.refusal(version) }
        guard hasArchive else { throw .corrupt("archive.sqlite is missing beside \(path)") }
        return (identity, version, false)
    }

    /// The new store is complete: from now on it has its identity.
    func settle() throws(SystemCallError) {
        if isNew { try StoreIdentity.settle(in: path, files) }
    }
}

extension StoreError {
    /// What a failed call means while a store opens.
    init(opening error: SystemCallError) {
        self = error.isFull ? .full(error.description) : .failed(error.description)
    }
}
