import Glibc
import ThroughlineCore

/// The folder of a store: its lock, its identity and the names of its files.
///
/// ```
/// LOCK            held with flock while a server uses the folder; its text names the process
/// identity        "TLSTORE1", 32 random bytes, u32 CRC-32C of these 40
/// log/            segment-<id>.log, and segment-<id>.new while one is being made
/// archive.sqlite  what has moved from the log (and -wal, -shm beside it)
/// ```
final class StoreFolder: Sendable {
    static let identityBytes = 32

    let path: String
    let identity: [UInt8]
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
            identity = try Self.identity(in: path, files)
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
            try? files.truncate(descriptor, 0)
            try files.write(Array("process \(getpid())".utf8), to: descriptor)
            return descriptor
        } catch { throw StoreError(opening: error) }
    }

    private static func identity(in folder: String, _ files: FileSystem) throws(StoreError) -> [UInt8] {
        let path = folder + "/identity"
        do throws(SystemCallError) {
            if !files.exists(path), !files.exists(folder + "/archive.sqlite") {
                return try createIdentity(at: path, in: folder, files)
            }
            let bytes = try files.contents(of: path)
            if let identity = decodeIdentity(bytes) { return identity }
        } catch { throw StoreError(opening: error) }
        throw .corrupt("\(path) is not the identity of a store")
    }

    private static let identityMagic = Array("TLSTORE1".utf8)

    static func decodeIdentity(_ bytes: [UInt8]) -> [UInt8]? {
        guard bytes.count == 8 + identityBytes + 4, bytes.starts(with: identityMagic) else { return nil }
        let isWhole = bytes.withUnsafeBytes {
            Checksum.crc32c($0.part(0..<8 + identityBytes)) == $0.get(UInt32.self, at: 8 + identityBytes)
        }
        return isWhole ? Array(bytes[8..<8 + identityBytes]) : nil
    }

    /// Written under another name first: the name `identity` never stands for half of one.
    private static func createIdentity(
        at path: String, in folder: String, _ files: FileSystem
    ) throws(SystemCallError) -> [UInt8] {
        let identity = files.randomBytes(identityBytes)
        var bytes = identityMagic + identity
        let checksum = bytes.withUnsafeBytes { Checksum.crc32c($0) }
        withUnsafeBytes(of: checksum.littleEndian) { bytes.append(contentsOf: $0) }
        let draft = path + ".new"
        let descriptor = try files.open(draft, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        defer { files.close(descriptor) }
        try files.write(bytes, to: descriptor)
        try files.synchronize(descriptor)
        try files.rename(draft, path)
        try files.synchronizeDirectory(folder)
        return identity
    }
}

extension StoreError {
    /// What a failed call means while a store opens.
    init(opening error: SystemCallError) {
        self = error.isFull ? .full(error.description) : .failed(error.description)
    }
}
