import Glibc
public import ThroughlineCore

/// The data folder of a server that does not run, for those who look after it.
public struct DataFolder: Sendable {
    public let path: String
    let files: FileSystem

    public init(_ path: String, fileSystem: FileSystem = .real) {
        self.path = path
        files = fileSystem
    }

    /// Looks at every byte that the store would read, and changes none.
    ///
    /// Throws `failed` when a server has the folder, or it is none.
    public func verify(progress: (String) -> Void = { _ in }) throws(StoreError) -> FolderReport {
        try withLock { () throws(StoreError) in
            do { return try FolderInspection(path, files, progress: progress).report } catch {
                throw StoreError(archive: error)
            }
        }
    }

    /// Keeps servers out meanwhile. A folder that cannot be written is left without.
    func withLock<Result>(_ body: () throws(StoreError) -> Result) throws(StoreError) -> Result {
        guard files.exists(path + "/identity") || files.exists(path + "/archive.sqlite") || files.exists(path + "/log")
        else { throw .failed("\(path) is not the data folder of a server") }
        let lock: Int32?
        do throws(SystemCallError) {
            lock = files.exists(path + "/LOCK") ? try files.open(path + "/LOCK", O_RDONLY | O_CLOEXEC, 0) : nil
        } catch { throw StoreError(opening: error) }
        defer { if let lock { files.close(lock) } }
        if let lock {
            do throws(SystemCallError) { try files.lock(lock) } catch {
                let holder = (try? files.contents(of: path + "/LOCK")).map { String(decoding: $0, as: UTF8.self) }
                throw .failed("a server uses this folder (\(holder ?? "unknown")). Stop it first")
            }
        }
        return try body()
    }
}
