import Crypto
public import ThroughlineCore

/// The keys that a server lets in: a name and a SHA-256 hash each. The keys themselves are kept nowhere.
public struct KeyRing: Sendable {
    /// One key.
    public struct Entry: Hashable, Sendable {
        public var name: String
        /// SHA-256 of the key's UTF-8 bytes.
        public var hash: [UInt8]
        public var created: Timestamp

        public init(name: String, hash: [UInt8], created: Timestamp) {
            self.name = name
            self.hash = hash
            self.created = created
        }
    }

    public private(set) var entries: [Entry]

    public init(entries: [Entry] = []) { self.entries = entries }

    /// The name of a key, or `nil` if it is none of these. Takes the same time wherever the key stands.
    public func name(of key: String) -> String? {
        let hash = Self.hash(of: key)
        var found: String?
        for entry in entries where Self.equal(entry.hash, hash) { found = entry.name }
        return found
    }

    /// Adds a key. False if the name is taken.
    public mutating func add(_ key: String, name: String, at created: Timestamp) -> Bool {
        guard !entries.contains(where: { $0.name == name }) else { return false }
        entries.append(Entry(name: name, hash: Self.hash(of: key), created: created))
        return true
    }

    /// Takes a key away. False if there is none of that name.
    public mutating func remove(name: String) -> Bool {
        guard let index = entries.firstIndex(where: { $0.name == name }) else { return false }
        entries.remove(at: index)
        return true
    }

    /// A new key of 256 random bits: `tl_` and 64 hexadecimal digits.
    public static func newKey() -> String {
        var generator = SystemRandomNumberGenerator()
        return "tl_" + hex((0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) })
    }

    public static func hash(of key: String) -> [UInt8] { Array(SHA256.hash(data: Array(key.utf8))) }

    private static func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}

// MARK: The file

extension KeyRing {
    /// Reads `{"keys": [{"name", "sha256", "created"}]}`; `nil` if the text is not that.
    public init?(json: [UInt8]) {
        guard let value = try? JSONDocument.parse(json), let keys = value["keys"], keys.kind == .array else {
            return nil
        }
        var entries: [Entry] = []
        for key in keys.elements {
            guard let name = key["name"]?.string, let hash = key["sha256"]?.string.flatMap(Self.bytes), hash.count == 32
            else { return nil }
            entries.append(
                Entry(name: name, hash: hash, created: Timestamp(milliseconds: key["created"]?.integer ?? 0)))
        }
        self.init(entries: entries)
    }

    public var json: [UInt8] {
        JSONWriter.object {
            $0.key("keys")
            $0.array(entries) { writer, entry in
                writer.object {
                    $0.field("name", entry.name)
                    $0.field("sha256", Self.hex(entry.hash))
                    $0.field("created", entry.created.rawValue)
                }
            }
        }
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef")
        return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }

    private static func bytes(_ hex: String) -> [UInt8]? {
        let digits = hex.utf8.map { Character(Unicode.Scalar($0)).hexDigitValue }
        guard digits.count.isMultiple(of: 2), !digits.contains(nil) else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8((digits[$0] ?? 0) << 4 | (digits[$0 + 1] ?? 0)) }
    }
}
