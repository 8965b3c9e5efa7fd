import Glibc

/// The pages of SQLite's database as its last commit left them: from its own log where that has them, else from its file.
///
/// Read without SQLite, so that nothing is written, every place has an offset, and damage to one page hides no other.
final class SQLitePages {
    /// A page's bytes and where in which file they stand.
    struct Page {
        var bytes: [UInt8]
        var file: String
        var offset: Int
    }

    static let headerSize = 100
    static let magic = Array("SQLite format 3\0".utf8)

    let name: String
    private(set) var pageSize = 4096
    private(set) var pageCount = 0
    /// Bytes of a page that SQLite uses.
    private(set) var usable = 4096
    private(set) var log: WriteAheadFrames
    /// Bytes in the database's file.
    let fileSize: Int

    /// Places of SQLite's own log that are damaged, and the pages whose latest bytes stood there.
    private(set) var damagedFrames: [(offset: Int, page: UInt32?)] = []

    private let files: FileSystem
    private let descriptor: Int32
    private let logBytes: ByteBlock

    /// - Parameter path: The database; its log has the same name with `-wal`.
    init(path: String, _ files: FileSystem) throws(SystemCallError) {
        self.files = files
        name = String(path.split(separator: "/").last ?? "")
        logBytes = (try? files.block(of: path + "-wal")) ?? ByteBlock(capacity: 0)
        log = WriteAheadFrames(logBytes.bytes)
        descriptor = try files.open(path, O_RDONLY | O_CLOEXEC, 0)
        fileSize = try files.size(descriptor)
        if log.pageSize > 0 { pageSize = log.pageSize }
        usable = pageSize
        guard let first = page(1) else { return }
        readHeader(first.bytes)
        damagedFrames = log.damaged(position: UInt32(positionPage))
        if damagedFrames.isEmpty { return }
        log.useAll()
        if let first = page(1) { readHeader(first.bytes) }
    }

    deinit { files.close(descriptor) }

    /// The page of the table `position`; zero where the schema cannot be read.
    private var positionPage: Int {
        var (walk, found) = (SQLiteWalk(self), 0)
        walk.tree(at: 1, isIndex: false) { cell in
            if cell.record.text(1) == "position", let root = cell.record.integer(3) { found = Int(root) }
        }
        return found
    }

    private func readHeader(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { bytes in
            guard bytes.starts(with: Self.magic) else { return }
            let size = Int(bytes.big(UInt16.self, at: 16))
            if log.pageSize == 0, size == 1 || (size >= 512 && size & (size - 1) == 0) {
                pageSize = size == 1 ? 65536 : size
            }
            usable = pageSize - Int(bytes[20])
        }
        pageCount = log.pageCount > 0 ? Int(log.pageCount) : (fileSize + pageSize - 1) / pageSize
    }

    /// A page by its number, from 1. `nil` when it is not there or cannot be read.
    func page(_ number: Int) -> Page? {
        guard number >= 1 else { return nil }
        if let offset = log.pages[UInt32(truncatingIfNeeded: number)] {
            let bytes = Array(logBytes.bytes.part(offset..<offset + pageSize))
            return Page(bytes: bytes, file: name + "-wal", offset: offset)
        }
        let offset = (number - 1) * pageSize
        guard offset + pageSize <= fileSize else { return nil }
        var bytes = [UInt8](repeating: 0, count: pageSize)
        let count = bytes.withUnsafeMutableBytes { room in (try? files.read(descriptor, room, offset)) ?? -1 }
        return count == pageSize ? Page(bytes: bytes, file: name, offset: offset) : nil
    }
}

extension FileSystem {
    /// The bytes of a whole file.
    func block(of path: String) throws(SystemCallError) -> ByteBlock {
        let descriptor = try open(path, O_RDONLY | O_CLOEXEC, 0)
        defer { close(descriptor) }
        let length = try size(descriptor)
        let block = ByteBlock(capacity: length)
        let room = UnsafeMutableRawBufferPointer(start: block.extend(by: length), count: length)
        block.truncate(to: try read(descriptor, room, 0))
        return block
    }
}
