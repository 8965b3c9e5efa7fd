import Glibc

/// The file `identity`: "TLSTORE" and a digit, the format's version; 32 random bytes; CRC-32C of these 40 bytes.
enum StoreIdentity {
    static let magic = Array("TLSTORE".utf8)
    static let count = 32

    static func encode(_ identity: [UInt8], version: Int = StoreFormat.version) -> [UInt8] {
        var bytes = magic + [0x30 + UInt8(version)] + identity
        let checksum = bytes.withUnsafeBytes { Checksum.crc32c($0) }
        withUnsafeBytes(of: checksum.littleEndian) { bytes.append(contentsOf: $0) }
        return bytes
    }

    /// The identity and the version; of a newer one only the version, since what follows the digit may be laid out in
    /// another way. `nil` where it is none, or damaged.
    static func decode(_ bytes: [UInt8]) -> (identity: [UInt8]?, version: Int)? {
        guard bytes.starts(with: magic), bytes.count > 8, (0x31...0x39).contains(bytes[7]) else { return nil }
        let version = Int(bytes[7] - 0x30)
        if bytes.count == 8 + count + 4 {
            let identity = Array(bytes[8..<8 + count])
            guard encode(identity, version: version) == bytes else { return nil }
            if version <= StoreFormat.version { return (identity, version) }
        }
        return version > StoreFormat.version ? (nil, version) : nil
    }

    /// Replaces the identity of a folder in one step.
    static func write(_ identity: [UInt8], in folder: String, _ files: FileSystem) throws(SystemCallError) {
        try writeDraft(identity, in: folder, files)
        try settle(in: folder, files)
    }

    /// Written under another name first: the name `identity` never stands for half of one, nor for half a store.
    static func writeDraft(_ identity: [UInt8], in folder: String, _ files: FileSystem) throws(SystemCallError) {
        let draft = folder + "/identity.new"
        let descriptor = try files.open(draft, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        defer { files.close(descriptor) }
        try files.write(encode(identity), to: descriptor)
        try files.synchronize(descriptor)
    }

    static func settle(in folder: String, _ files: FileSystem) throws(SystemCallError) {
        // What is beside it has to be there first.
        try files.synchronizeDirectory(folder)
        try files.rename(folder + "/identity.new", folder + "/identity")
        try files.synchronizeDirectory(folder)
    }
}
