import GRDBSQLite
import Glibc

/// SQLite's way to the simulated disk: a VFS that is the default of this process.
package enum SimulatedVFS {
    /// The disk that SQLite uses. One simulation runs at a time.
    nonisolated(unsafe) fileprivate static var disk: SimulatedDisk?
    nonisolated(unsafe) private static var isRegistered = false

    package static func mount(_ disk: SimulatedDisk?) {
        self.disk = disk
        if !isRegistered { register() }
        isRegistered = true
        // SQLite takes new random numbers from the VFS, not those left from the simulation before.
        sqlite3_randomness(0, nil)
    }

    private static func register() {
        let vfs = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
        vfs.initialize(to: sqlite3_vfs())
        vfs.pointee.iVersion = 2
        vfs.pointee.szOsFile = Int32(MemoryLayout<OpenFile>.size)
        vfs.pointee.mxPathname = 512
        vfs.pointee.zName = UnsafePointer(strdup("simulated"))
        vfs.pointee.xOpen = openFile
        vfs.pointee.xDelete = removeFile
        vfs.pointee.xAccess = accessFile
        vfs.pointee.xFullPathname = { _, name, size, output in
            guard let name, let output, strlen(name) < Int(size) else { return SQLITE_CANTOPEN }
            strcpy(output, name)
            return SQLITE_OK
        }
        vfs.pointee.xRandomness = { _, count, output in
            guard let disk = SimulatedVFS.disk, let output else { return 0 }
            for index in 0..<Int(count) { output[index] = CChar.random(in: .min ... .max, using: &disk.random) }
            return count
        }
        vfs.pointee.xSleep = { _, microseconds in
            SimulatedVFS.disk?.clock.advance(microseconds: Int64(microseconds))
            return microseconds
        }
        vfs.pointee.xCurrentTimeInt64 = { _, output in
            // Milliseconds since noon of November 24, 4714 BC.
            output?.pointee = 210_866_760_000_000 + (SimulatedVFS.disk?.clock.wall ?? 0)
            return SQLITE_OK
        }
        vfs.pointee.xGetLastError = { _, _, _ in 0 }
        let code = sqlite3_vfs_register(vfs, 1)
        precondition(code == SQLITE_OK, "SQLite does not take the simulated VFS: \(code)")
    }
}

/// What SQLite allocates for an open file.
private struct OpenFile {
    var base: sqlite3_file
    var file: Unmanaged<SQLiteFile>?
}

private func file(_ pointer: UnsafeMutablePointer<sqlite3_file>?) -> SQLiteFile {
    UnsafeMutableRawPointer(pointer!).assumingMemoryBound(to: OpenFile.self).pointee.file!.takeUnretainedValue()
}

private func openFile(
    _: UnsafeMutablePointer<sqlite3_vfs>?, name: UnsafePointer<CChar>?, pointer: UnsafeMutablePointer<sqlite3_file>?,
    flags: Int32, outFlags: UnsafeMutablePointer<Int32>?
) -> Int32 {
    let opened = UnsafeMutableRawPointer(pointer!).assumingMemoryBound(to: OpenFile.self)
    opened.initialize(to: OpenFile(base: sqlite3_file(pMethods: nil), file: nil))
    guard let disk = SimulatedVFS.disk, disk.ending == nil else { return SQLITE_CANTOPEN }
    let path = name.map { String(cString: $0) } ?? ""
    let isNew = !path.isEmpty && !disk.exists(path)
    let found: SimulatedFile
    if path.isEmpty {
        found = disk.makeFile()
    } else {
        let creates = flags & SQLITE_OPEN_CREATE != 0
        guard case .success(let file) = disk.open(path, creates: creates) else { return SQLITE_CANTOPEN }
        found = file
    }
    let file = SQLiteFile(disk, found, path: path, flags: flags, isNew: isNew)
    opened.pointee.file = Unmanaged.passRetained(file)
    opened.pointee.base.pMethods = UnsafePointer(methods)
    outFlags?.pointee = flags
    return SQLITE_OK
}

private func removeFile(
    _: UnsafeMutablePointer<sqlite3_vfs>?, name: UnsafePointer<CChar>?, synchronizesFolder: Int32
) -> Int32 {
    guard let disk = SimulatedVFS.disk, disk.ending == nil, let name else { return SQLiteCode.removeFailed }
    let path = String(cString: name)
    guard disk.exists(path) else { return SQLiteCode.nothingToRemove }
    guard disk.changeName(.init(name: path, file: nil)) == 0 else { return SQLiteCode.removeFailed }
    guard synchronizesFolder != 0 else { return SQLITE_OK }
    return disk.synchronizeDirectory(path.parent) == 0 ? SQLITE_OK : SQLiteCode.synchronizeFailed
}

private func accessFile(
    _: UnsafeMutablePointer<sqlite3_vfs>?, name: UnsafePointer<CChar>?, flags: Int32,
    output: UnsafeMutablePointer<Int32>?
) -> Int32 {
    let found = name.flatMap { SimulatedVFS.disk?.names[String(cString: $0)] }
    // An empty file counts as none, as on Unix.
    let isThere = found.map { flags != SQLITE_ACCESS_EXISTS || !$0.cached.isEmpty } ?? false
    output?.pointee = isThere ? 1 : 0
    return SQLITE_OK
}

private func lockFile(_ pointer: UnsafeMutablePointer<sqlite3_file>?, level: Int32) -> Int32 {
    // With this fault, what has come between SQLite and the file goes out of the way again.
    if SimulatedVFS.disk?.mutation == .noBlanking { pointer?.pointee.pMethods = UnsafePointer(methods) }
    return file(pointer).lock(level)
}

nonisolated(unsafe) private let methods: UnsafeMutablePointer<sqlite3_io_methods> = {
    let methods = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
    methods.initialize(to: sqlite3_io_methods())
    methods.pointee.iVersion = 2
    methods.pointee.xClose = { pointer in
        file(pointer).close()
        UnsafeMutableRawPointer(pointer!).assumingMemoryBound(to: OpenFile.self).pointee.file?.release()
        return SQLITE_OK
    }
    methods.pointee.xRead = { pointer, buffer, count, offset in
        file(pointer).read(UnsafeMutableRawBufferPointer(start: buffer, count: Int(count)), at: Int(offset))
    }
    methods.pointee.xWrite = { pointer, bytes, count, offset in
        file(pointer).write(UnsafeRawBufferPointer(start: bytes, count: Int(count)), at: Int(offset))
    }
    methods.pointee.xTruncate = { pointer, size in file(pointer).truncate(to: Int(size)) }
    methods.pointee.xSync = { pointer, _ in file(pointer).synchronize() }
    methods.pointee.xFileSize = { pointer, size in
        size?.pointee = sqlite3_int64(file(pointer).file.cached.count)
        return SQLITE_OK
    }
    methods.pointee.xLock = lockFile
    methods.pointee.xUnlock = { pointer, level in
        file(pointer).unlock(to: level)
        return SQLITE_OK
    }
    methods.pointee.xCheckReservedLock = { pointer, output in
        output?.pointee = file(pointer).isReserved ? 1 : 0
        return SQLITE_OK
    }
    methods.pointee.xFileControl = { _, _, _ in SQLITE_NOTFOUND }
    methods.pointee.xSectorSize = { _ in Int32(SimulatedFile.sectorBytes) }
    methods.pointee.xDeviceCharacteristics = { _ in SQLITE_IOCAP_POWERSAFE_OVERWRITE }
    methods.pointee.xShmMap = { pointer, index, size, extends, output in
        output?.pointee = file(pointer).sharedMemory(Int(index), Int(size), extends: extends != 0)
        return SQLITE_OK
    }
    methods.pointee.xShmLock = { pointer, offset, count, flags in file(pointer).lockShared(offset, count, flags) }
    methods.pointee.xShmBarrier = { _ in }
    methods.pointee.xShmUnmap = { pointer, _ in
        file(pointer).unmapSharedMemory()
        return SQLITE_OK
    }
    return methods
}()
