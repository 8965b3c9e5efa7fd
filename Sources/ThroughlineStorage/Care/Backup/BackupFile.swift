import Glibc
import ThroughlineCore

/// Reads a backup block by block, and stops at the first that is not what was written.
struct BackupFile {
    private let path: String
    private let files: FileSystem
    private let descriptor: Int32
    private(set) var offset = 0
    private var number: UInt32 = 0

    init(path: String, _ files: FileSystem) throws {
        self.path = path
        self.files = files
        descriptor = try files.open(path, O_RDONLY | O_CLOEXEC, 0)
        guard try read(BackupBlock.magic.count) == BackupBlock.magic else {
            throw StoreError.corrupt("\(path) is not a backup")
        }
    }

    func close() { files.close(descriptor) }

    mutating func next() throws -> BackupBlock {
        let place = offset
        let header = try read(BackupBlock.headerSize)
        guard header.count == BackupBlock.headerSize else {
            throw StoreError.corrupt("\(path) at \(place): the backup ends too early; it was cut off")
        }
        let length = Int(header.withUnsafeBytes { $0.get(UInt32.self, at: 0) })
        guard length <= BackupBlock.maximumPayload,
            let block = BackupBlock.decode(header, try read(length), number: number)
        else { throw StoreError.corrupt("\(path) at \(place): the backup is damaged") }
        number &+= 1
        return block
    }

    private mutating func read(_ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let place = offset
        let found = try bytes.withUnsafeMutableBytes { try files.read(descriptor, $0, place) }
        offset += found
        return Array(bytes.prefix(found))
    }
}
