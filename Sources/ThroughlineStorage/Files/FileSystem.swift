import Glibc

/// The calls to the operating system that the log makes, so that a test or a simulator can make them fail.
///
/// Every call either does all of it or throws; none is repeated after an error other than an interruption.
public struct FileSystem: Sendable {
    /// Opens a file: path, flags of open(2), mode of a new file. Returns the descriptor.
    public var open: @Sendable (String, Int32, UInt32) throws(SystemCallError) -> Int32 = systemOpen
    /// Writes all bytes at an offset.
    public var write: @Sendable (Int32, UnsafeRawBufferPointer, Int) throws(SystemCallError) -> Void = systemWrite
    /// Reads at an offset until the buffer is full or the file ends; returns how many bytes.
    public var read: @Sendable (Int32, UnsafeMutableRawBufferPointer, Int) throws(SystemCallError) -> Int = systemRead
    /// Makes a file's bytes durable.
    public var synchronize: @Sendable (Int32) throws(SystemCallError) -> Void = systemSynchronize
    /// Reserves room on the disk for so many bytes.
    public var allocate: @Sendable (Int32, Int) throws(SystemCallError) -> Void = systemAllocate
    /// Makes the names in a folder durable.
    public var synchronizeDirectory: @Sendable (String) throws(SystemCallError) -> Void = systemSynchronizeDirectory
    /// Removes a file's name.
    public var remove: @Sendable (String) throws(SystemCallError) -> Void = systemRemove
    /// Gives a file another name, replacing what had it.
    public var rename: @Sendable (String, String) throws(SystemCallError) -> Void = systemRename
    /// Closes a descriptor.
    public var close: @Sendable (Int32) -> Void = systemClose
    /// The length of an open file, in bytes.
    public var size: @Sendable (Int32) throws(SystemCallError) -> Int = systemSize
    /// Cuts an open file, or lengthens it with zeros.
    public var truncate: @Sendable (Int32, Int) throws(SystemCallError) -> Void = systemTruncate
    /// Locks an open file for this process until it is closed. Throws when another has it.
    public var lock: @Sendable (Int32) throws(SystemCallError) -> Void = systemLock
    /// Makes a folder that only its owner may use; one that is there is given that mode.
    public var createDirectory: @Sendable (String) throws(SystemCallError) -> Void = systemCreateDirectory
    /// The names in a folder, in no order.
    public var list: @Sendable (String) throws(SystemCallError) -> [String] = systemList
    /// Whether there is anything of that name.
    public var exists: @Sendable (String) -> Bool = systemExists
    /// So many bytes that nobody can guess.
    public var randomBytes: @Sendable (Int) -> [UInt8] = systemRandomBytes
    /// The number of this process, for people who ask who has the folder.
    public var processID: @Sendable () -> Int32 = { getpid() }

    /// The operating system itself.
    public static let real = FileSystem()

    public init() {}

    /// Overwrites the beginning of a file with zeros and makes them durable, in pieces that others do not wait long for.
    func zero(_ descriptor: Int32, upTo length: Int) throws(SystemCallError) {
        let size = min(1 << 20, max(length, 1))
        let zeros = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 4096)
        defer { zeros.deallocate() }
        zeros.initializeMemory(as: UInt8.self, repeating: 0, count: size)
        var offset = 0
        while offset < length {
            let count = min(size, length - offset)
            try write(descriptor, UnsafeRawBufferPointer(start: zeros, count: count), offset)
            try synchronize(descriptor)
            offset += count
        }
    }

    /// Calls `write` with what is left, and how much is done, until nothing is left: one call may take only a part.
    package static func writeAll(
        _ bytes: UnsafeRawBufferPointer, _ write: (UnsafeRawBufferPointer, Int) -> Int
    ) throws(SystemCallError) {
        var done = 0
        while done < bytes.count {
            let count = write(UnsafeRawBufferPointer(rebasing: bytes[done...]), done)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw SystemCallError(call: "pwrite", code: count == 0 ? ENOSPC : errno) }
            done += count
        }
    }

    /// Writes a few bytes at the start of a file.
    func write(_ bytes: [UInt8], to descriptor: Int32) throws(SystemCallError) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 8)
        defer { copy.deallocate() }
        copy.copyBytes(from: bytes)
        try write(descriptor, UnsafeRawBufferPointer(copy), 0)
    }

    /// The bytes of a whole file, for the small ones.
    func contents(of path: String) throws(SystemCallError) -> [UInt8] {
        let descriptor = try open(path, O_RDONLY | O_CLOEXEC, 0)
        defer { close(descriptor) }
        let block = ByteBlock(capacity: 4096)
        while true {
            let room = block.extend(by: 4096)
            let count = try read(
                descriptor, UnsafeMutableRawBufferPointer(start: room, count: 4096), block.count - 4096)
            block.truncate(to: block.count - 4096 + count)
            if count < 4096 { return Array(block.bytes) }
        }
    }
}

/// A call to the operating system that failed.
public struct SystemCallError: Error, CustomStringConvertible {
    public var call: String
    public var path: String
    /// The `errno` of the call.
    public var code: Int32

    public init(call: String, path: String = "", code: Int32) {
        self.call = call
        self.path = path
        self.code = code
    }

    public var description: String {
        let reason = "\(call) failed: \(String(cString: strerror(code)))"
        return path.isEmpty ? reason : "\(reason) (\(path))"
    }

    static let noRoom = ENOSPC

    /// There is no room, or nothing may be written: the store can go on later.
    var isFull: Bool { [ENOSPC, EROFS, EFBIG, EDQUOT].contains(code) }
}
