import Foundation
import ThroughlineServer

/// The file of a server's keys: JSON, for its owner only.
struct KeyFile {
    let path: String

    /// - Parameter mayBeAbsent: Then a file that is not there holds no keys.
    func read(mayBeAbsent: Bool = false) throws -> KeyRing {
        guard FileManager.default.fileExists(atPath: path) else {
            if mayBeAbsent { return KeyRing() }
            throw Failure("There is no file \(path). Make a key with: throughline key create NAME --keys \(path)")
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Failure("The file \(path) cannot be read.")
        }
        guard let keys = KeyRing(json: Array(data)) else { throw Failure("The file \(path) is no file of keys.") }
        return keys
    }

    /// Replaces the file in one step.
    func write(_ keys: KeyRing) throws {
        let fresh = path + ".new"
        try? FileManager.default.removeItem(atPath: fresh)
        let permissions = [FileAttributeKey.posixPermissions: 0o600]
        guard
            FileManager.default.createFile(atPath: fresh, contents: Data(keys.json + [0x0A]), attributes: permissions),
            rename(fresh, path) == 0
        else { throw Failure("The file \(path) cannot be written.") }
    }
}
