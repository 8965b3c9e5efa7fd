import Glibc
import ThroughlineStorage
import ThroughlineTestKit

/// The calls, as both the log's files and SQLite's make them. Each returns 0 or a count, or a negative `errno`.
extension SimulatedDisk {
    func write(_ bytes: UnsafeRawBufferPointer, to file: SimulatedFile, at offset: Int) -> Int {
        trace.note("write", file.number, offset, bytes.count)
        trace.mix(bytes)
        let verdict = begin(.write)
        switch verdict {
        case .proceed: break
        case .fail, .crash:
            // A part of it gets through.
            if ending == nil {
                let part = bytes[..<random.below(bytes.count + 1)]
                if hasRoom(for: offset + part.count, in: file) {
                    file.write(UnsafeRawBufferPointer(rebasing: part), at: offset)
                }
            }
            if verdict == .crash { die(crashEnding) }
            return -Int(EIO)
        }
        var count = bytes.count
        if !hasRoom(for: offset + count, in: file) {
            count = file.cached.count - offset
            if count <= 0 { return -Int(ENOSPC) }
        }
        if count > 1, isShort() { count = 1 + random.below(count - 1) }
        file.write(UnsafeRawBufferPointer(rebasing: bytes[..<count]), at: offset)
        return count
    }

    func read(_ buffer: UnsafeMutableRawBufferPointer, from file: SimulatedFile, at offset: Int) -> Int {
        guard begin(.read) == .proceed else { return -Int(EIO) }
        let count = max(0, min(buffer.count, file.cached.count - offset))
        file.cached.withUnsafeBytes { bytes in
            guard count > 0 else { return }
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count]))
        }
        return count
    }

    func synchronize(_ file: SimulatedFile, _ path: String) -> Int {
        trace.note("fsync", file.number)
        switch begin(.synchronize) {
        case .proceed:
            if mutation?.skipsSynchronize(of: path) != true { file.synchronize() }
            return 0
        case .crash:
            // It may have been done, and nobody knows.
            if random.chance(2) { file.synchronize() }
            die(crashEnding)
            return -Int(EIO)
        case .fail:
            if ending == nil { file.dropPages(&random, &counts) }
            return -Int(EIO)
        }
    }

    func resize(_ file: SimulatedFile, to size: Int) -> Int {
        trace.note("resize", file.number, size)
        let verdict = begin(.write)
        if verdict == .crash {
            if random.chance(2) { file.resize(to: size) }
            die(crashEnding)
        }
        guard verdict == .proceed else { return -Int(EIO) }
        guard hasRoom(for: size, in: file) else { return -Int(ENOSPC) }
        file.resize(to: size)
        return 0
    }

    /// Opens a file; `nil` with the reason when that cannot be.
    func open(_ path: String, creates: Bool, exclusive: Bool = false) -> Result<SimulatedFile, SystemCallError> {
        func failure(_ code: Int32) -> Result<SimulatedFile, SystemCallError> {
            .failure(SystemCallError(call: "open", path: path, code: code))
        }
        guard ending == nil else { return failure(EIO) }
        if let file = names[path] { return exclusive ? failure(EEXIST) : .success(file) }
        guard creates else { return failure(ENOENT) }
        let file = makeFile()
        let error = changeName(NameChange(name: path, file: file))
        return error == 0 ? .success(file) : failure(Int32(-error))
    }

    func changeName(_ change: NameChange) -> Int {
        trace.note("name", change.file?.number ?? 0, change.name.utf8.count)
        let verdict = begin(.name)
        if verdict == .crash {
            if random.chance(2) { self.change(change) }
            die(crashEnding)
        }
        guard verdict == .proceed else { return -Int(EIO) }
        self.change(change)
        return 0
    }

    func synchronizeDirectory(_ path: String) -> Int {
        trace.note("fsync folder", path.utf8.count)
        switch begin(.name) {
        case .proceed:
            if mutation != .noFolderSync { synchronizeFolder(path) }
            return 0
        case .crash:
            if random.chance(2) { synchronizeFolder(path) }
            die(crashEnding)
            return -Int(EIO)
        case .fail: return -Int(EIO)
        }
    }
}
