import Glibc
package import ThroughlineStorage

extension SimulatedDisk {
    /// The file system of one process: after its end every call fails.
    package func fileSystem() -> FileSystem {
        let mount = Mount(disk: self, generation: generation)
        var files = FileSystem()
        files.open = { path, flags, _ throws(SystemCallError) in try mount.open(path, flags) }
        files.write = { descriptor, bytes, offset throws(SystemCallError) in
            let file = try mount.file(descriptor, "pwrite")
            try FileSystem.writeAll(bytes) { rest, done in
                let count = mount.disk.write(rest, to: file.file, at: offset + done)
                if count < 0 { errno = Int32(-count) }
                return count < 0 ? -1 : count
            }
        }
        files.read = { descriptor, buffer, offset throws(SystemCallError) in
            try check("pread", mount.disk.read(buffer, from: try mount.file(descriptor, "pread").file, at: offset))
        }
        files.synchronize = { descriptor throws(SystemCallError) in
            let file = try mount.file(descriptor, "fdatasync")
            _ = try check("fdatasync", mount.disk.synchronize(file.file, file.path))
        }
        files.allocate = { descriptor, length throws(SystemCallError) in
            let file = try mount.file(descriptor, "posix_fallocate").file
            if length > file.cached.count { _ = try check("posix_fallocate", mount.disk.resize(file, to: length)) }
        }
        addFolderCalls(to: &files, mount)
        return files
    }

    private func addFolderCalls(to files: inout FileSystem, _ mount: Mount) {
        files.synchronizeDirectory = { path throws(SystemCallError) in
            try mount.checkAlive("fsync")
            _ = try check("fsync", mount.disk.synchronizeDirectory(path))
        }
        files.remove = { path throws(SystemCallError) in try mount.remove(path) }
        files.rename = { old, new throws(SystemCallError) in try mount.rename(old, new) }
        files.close = { mount.close($0) }
        files.size = { descriptor throws(SystemCallError) in try mount.file(descriptor, "lseek").file.cached.count }
        files.truncate = { descriptor, length throws(SystemCallError) in
            _ = try check("ftruncate", mount.disk.resize(try mount.file(descriptor, "ftruncate").file, to: length))
        }
        files.lock = { descriptor throws(SystemCallError) in try mount.lock(descriptor) }
        files.createDirectory = { path throws(SystemCallError) in
            try mount.checkAlive("mkdir")
            mount.disk.makeFolder(path)
        }
        files.list = { path throws(SystemCallError) in
            try mount.checkAlive("opendir")
            return mount.disk.list(path)
        }
        files.exists = { mount.disk.exists($0) }
        files.processID = { 1 }
        files.randomBytes = { count in
            (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &mount.disk.random) }
        }
    }
}

private func check(_ call: String, _ result: Int) throws(SystemCallError) -> Int {
    guard result >= 0 else { throw SystemCallError(call: call, code: Int32(-result)) }
    return result
}

/// One process's view of the disk.
private struct Mount: Sendable {
    let disk: SimulatedDisk
    let generation: Int

    var isAlive: Bool { disk.generation == generation && disk.ending == nil }

    func checkAlive(_ call: String) throws(SystemCallError) {
        guard isAlive else { throw SystemCallError(call: call, code: EIO) }
    }

    func file(_ descriptor: Int32, _ call: String) throws(SystemCallError) -> SimulatedDisk.Opened {
        try checkAlive(call)
        guard let file = disk.opened[descriptor] else { throw SystemCallError(call: call, code: EBADF) }
        return file
    }

    func open(_ path: String, _ flags: Int32) throws(SystemCallError) -> Int32 {
        try checkAlive("open")
        let file = try disk.open(path, creates: flags & O_CREAT != 0, exclusive: flags & O_EXCL != 0).get()
        if flags & O_TRUNC != 0, !file.cached.isEmpty { _ = try check("open", disk.resize(file, to: 0)) }
        return disk.addDescriptor(file, path)
    }

    func close(_ descriptor: Int32) {
        guard disk.generation == generation, let file = disk.opened.removeValue(forKey: descriptor)?.file else {
            return
        }
        if disk.locked[file.number] == descriptor { disk.locked[file.number] = nil }
    }

    func lock(_ descriptor: Int32) throws(SystemCallError) {
        let file = try file(descriptor, "flock").file
        guard disk.locked[file.number] == nil else { throw SystemCallError(call: "flock", code: EWOULDBLOCK) }
        disk.locked[file.number] = descriptor
    }

    func remove(_ path: String) throws(SystemCallError) {
        try checkAlive("unlink")
        guard disk.names[path] != nil else { throw SystemCallError(call: "unlink", path: path, code: ENOENT) }
        _ = try check("unlink", disk.changeName(.init(name: path, file: nil)))
    }

    func rename(_ old: String, _ new: String) throws(SystemCallError) {
        try checkAlive("rename")
        guard let file = disk.names[old] else { throw SystemCallError(call: "rename", path: old, code: ENOENT) }
        _ = try check("rename", disk.changeName(.init(name: new, file: file, old: old)))
    }
}
