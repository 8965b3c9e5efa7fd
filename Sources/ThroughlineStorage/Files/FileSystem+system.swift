import Glibc

// The calls of ``FileSystem`` as the operating system does them.

let systemOpen: @Sendable (String, Int32, UInt32) throws(SystemCallError) -> Int32 = {
    path, flags, mode throws(SystemCallError) in
    let descriptor = Glibc.open(path, flags, mode_t(mode))
    guard descriptor >= 0 else { throw SystemCallError(call: "open", path: path, code: errno) }
    return descriptor
}

let systemWrite: @Sendable (Int32, UnsafeRawBufferPointer, Int) throws(SystemCallError) -> Void = {
    descriptor, bytes, offset throws(SystemCallError) in
    try FileSystem.writeAll(bytes) { rest, done in
        pwrite(descriptor, rest.baseAddress!, rest.count, off_t(offset + done))
    }
}

let systemRead: @Sendable (Int32, UnsafeMutableRawBufferPointer, Int) throws(SystemCallError) -> Int = {
    descriptor, buffer, offset throws(SystemCallError) in
    var done = 0
    while done < buffer.count {
        let count = pread(descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { throw SystemCallError(call: "pread", code: errno) }
        if count == 0 { break }
        done += count
    }
    return done
}

let systemSynchronize: @Sendable (Int32) throws(SystemCallError) -> Void = {
    descriptor throws(SystemCallError) in
    guard fdatasync(descriptor) == 0 else { throw SystemCallError(call: "fdatasync", code: errno) }
}

let systemAllocate: @Sendable (Int32, Int) throws(SystemCallError) -> Void = {
    descriptor, length throws(SystemCallError) in
    // It returns the error instead of setting errno.
    let code = posix_fallocate(descriptor, 0, off_t(length))
    guard code == 0 else { throw SystemCallError(call: "posix_fallocate", code: code) }
}

let systemSynchronizeDirectory: @Sendable (String) throws(SystemCallError) -> Void = {
    path throws(SystemCallError) in
    let descriptor = try systemOpen(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
    defer { systemClose(descriptor) }
    guard fsync(descriptor) == 0 else { throw SystemCallError(call: "fsync", path: path, code: errno) }
}

let systemRemove: @Sendable (String) throws(SystemCallError) -> Void = { path throws(SystemCallError) in
    guard unlink(path) == 0 else { throw SystemCallError(call: "unlink", path: path, code: errno) }
}

let systemRename: @Sendable (String, String) throws(SystemCallError) -> Void = {
    old, new throws(SystemCallError) in
    guard Glibc.rename(old, new) == 0 else { throw SystemCallError(call: "rename", path: old, code: errno) }
}

let systemClose: @Sendable (Int32) -> Void = { _ = Glibc.close($0) }

let systemSize: @Sendable (Int32) throws(SystemCallError) -> Int = { descriptor throws(SystemCallError) in
    let end = lseek(descriptor, 0, SEEK_END)
    guard end >= 0 else { throw SystemCallError(call: "lseek", code: errno) }
    return Int(end)
}

let systemTruncate: @Sendable (Int32, Int) throws(SystemCallError) -> Void = {
    descriptor, length throws(SystemCallError) in
    guard ftruncate(descriptor, off_t(length)) == 0 else { throw SystemCallError(call: "ftruncate", code: errno) }
}

let systemLock: @Sendable (Int32) throws(SystemCallError) -> Void = { descriptor throws(SystemCallError) in
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { throw SystemCallError(call: "flock", code: errno) }
}

let systemCreateDirectory: @Sendable (String) throws(SystemCallError) -> Void = { path throws(SystemCallError) in
    guard mkdir(path, 0o700) != 0 else { return }
    guard errno == EEXIST else { throw SystemCallError(call: "mkdir", path: path, code: errno) }
    guard chmod(path, 0o700) == 0 else { throw SystemCallError(call: "chmod", path: path, code: errno) }
}

let systemList: @Sendable (String) throws(SystemCallError) -> [String] = { path throws(SystemCallError) in
    guard let folder = opendir(path) else { throw SystemCallError(call: "opendir", path: path, code: errno) }
    defer { closedir(folder) }
    var names: [String] = []
    while let item = readdir(folder) {
        names.append(
            withUnsafeBytes(of: item.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            })
    }
    return names
}

let systemExists: @Sendable (String) -> Bool = { access($0, F_OK) == 0 }

let systemRandomBytes: @Sendable (Int) -> [UInt8] = { count in
    var random = SystemRandomNumberGenerator()
    return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
}
