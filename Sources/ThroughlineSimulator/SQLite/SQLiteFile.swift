import GRDBSQLite
import Glibc

/// One connection's view of a file of SQLite's.
package final class SQLiteFile {
    let disk: SimulatedDisk
    let generation: Int
    let file: SimulatedFile
    /// Empty for a temporary file.
    let path: String
    let isRemovedOnClose: Bool
    /// A new journal's name is synchronized with its first bytes, as SQLite does itself on Unix.
    private var mustSynchronizeFolder: Bool
    private var lock = SQLITE_LOCK_NONE
    private var sharedSlots: UInt32 = 0
    private var exclusiveSlots: UInt32 = 0
    private var usesSharedMemory = false

    init(_ disk: SimulatedDisk, _ file: SimulatedFile, path: String, flags: Int32, isNew: Bool) {
        self.disk = disk
        self.file = file
        self.path = path
        generation = disk.generation
        isRemovedOnClose = flags & SQLITE_OPEN_DELETEONCLOSE != 0
        mustSynchronizeFolder = isNew && flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL) != 0
        file.connections.append(self)
    }

    private var isAlive: Bool { disk.generation == generation && disk.ending == nil }
    private var others: [SQLiteFile] { file.connections.filter { $0 !== self } }

    func close() {
        unmapSharedMemory()
        file.connections.removeAll { $0 === self }
        if isRemovedOnClose, isAlive, !path.isEmpty { _ = disk.changeName(.init(name: path, file: nil)) }
    }

    func read(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Int32 {
        guard isAlive else { return SQLiteCode.readFailed }
        let count = disk.read(buffer, from: file, at: offset)
        guard count >= 0 else { return SQLiteCode.readFailed }
        guard count < buffer.count else { return SQLITE_OK }
        UnsafeMutableRawBufferPointer(rebasing: buffer[count...]).initializeMemory(as: UInt8.self, repeating: 0)
        return SQLiteCode.shortRead
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Int32 {
        guard isAlive else { return SQLiteCode.writeFailed }
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = disk.write(rest, to: file, at: offset + done)
            if count < 0 { return count == -Int(ENOSPC) ? SQLITE_FULL : SQLiteCode.writeFailed }
            done += count
        }
        return SQLITE_OK
    }

    func truncate(to size: Int) -> Int32 {
        guard isAlive, disk.resize(file, to: size) == 0 else { return SQLiteCode.truncateFailed }
        return SQLITE_OK
    }

    func synchronize() -> Int32 {
        guard isAlive, disk.synchronize(file, path) == 0 else { return SQLiteCode.synchronizeFailed }
        if mustSynchronizeFolder {
            guard disk.synchronizeDirectory(path.parent) == 0 else { return SQLiteCode.synchronizeFailed }
            mustSynchronizeFolder = false
        }
        return SQLITE_OK
    }

    // MARK: Locks of the file

    func lock(_ level: Int32) -> Int32 {
        if lock >= level { return SQLITE_OK }
        let highest = others.map(\.lock).max() ?? SQLITE_LOCK_NONE
        switch level {
        case SQLITE_LOCK_SHARED where highest >= SQLITE_LOCK_PENDING,
            SQLITE_LOCK_RESERVED where highest >= SQLITE_LOCK_RESERVED:
            return SQLITE_BUSY
        case SQLITE_LOCK_EXCLUSIVE where highest >= SQLITE_LOCK_SHARED:
            if highest < SQLITE_LOCK_RESERVED { lock = SQLITE_LOCK_PENDING }
            return SQLITE_BUSY
        default:
            lock = level
            return SQLITE_OK
        }
    }

    func unlock(to level: Int32) { lock = level }

    var isReserved: Bool { file.connections.contains { $0.lock >= SQLITE_LOCK_RESERVED } }

    // MARK: Shared memory

    func sharedMemory(_ index: Int, _ size: Int, extends: Bool) -> UnsafeMutableRawPointer? {
        usesSharedMemory = true
        while file.sharedMemory.count <= index, extends {
            let region = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
            region.initializeMemory(as: UInt8.self, repeating: 0, count: size)
            file.sharedMemory.append(region)
        }
        return index < file.sharedMemory.count ? file.sharedMemory[index] : nil
    }

    func lockShared(_ offset: Int32, _ count: Int32, _ flags: Int32) -> Int32 {
        let slots = (UInt32(1) << UInt32(offset + count)) - (UInt32(1) << UInt32(offset))
        if flags & SQLITE_SHM_UNLOCK != 0 {
            sharedSlots &= ~slots
            exclusiveSlots &= ~slots
        } else if flags & SQLITE_SHM_SHARED != 0 {
            if others.contains(where: { $0.exclusiveSlots & slots != 0 }) { return SQLITE_BUSY }
            sharedSlots |= slots
        } else {
            if others.contains(where: { ($0.exclusiveSlots | $0.sharedSlots) & slots != 0 }) { return SQLITE_BUSY }
            exclusiveSlots |= slots
        }
        return SQLITE_OK
    }

    func unmapSharedMemory() {
        usesSharedMemory = false
        sharedSlots = 0
        exclusiveSlots = 0
        guard !file.connections.contains(where: \.usesSharedMemory) else { return }
        for region in file.sharedMemory { region.deallocate() }
        file.sharedMemory = []
    }
}

/// Extended result codes, which are macros that Swift does not see.
enum SQLiteCode {
    static let readFailed = SQLITE_IOERR | 1 << 8
    static let shortRead = SQLITE_IOERR | 2 << 8
    static let writeFailed = SQLITE_IOERR | 3 << 8
    static let synchronizeFailed = SQLITE_IOERR | 4 << 8
    static let truncateFailed = SQLITE_IOERR | 6 << 8
    static let removeFailed = SQLITE_IOERR | 10 << 8
    static let nothingToRemove = SQLITE_IOERR | 23 << 8
}
