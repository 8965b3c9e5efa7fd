/// A `write` that appends to one part, as agents send it all day: read in one pass, with no tree and no copy.
///
/// Sound and not complete: a frame that it accepts means what ``OperationDecoder`` would have made of it; whatever is unusual
/// (other operations or members, escapes in names, a name that stands twice) it leaves to that.
///
///     {"op":"write","session":"s1","run":"r1","lease":"l-...","seq":7,
///      "events":[{"type":"part.appended","part":{"id":"p1","offset":12,"text":" sea"}}]}
public struct AppendFrame: Sendable {
    public struct Append: Sendable {
        public var offset = -1
        /// The inside of the JSON string.
        public var text = 0..<0
        /// Whether the text has escapes.
        public var isEscaped = false
    }

    /// Places in the scanned bytes.
    public var session = 0..<0
    public var run = 0..<0
    public var lease = 0..<0
    public var part = 0..<0
    public var number: UInt64 = 0
    public private(set) var appends: [Append] = []
    var hasOperation = false

    /// A frame takes at most so many appends; larger ones go the general way.
    static let maximumAppends = 256

    public init() {}

    /// Reads a message. False if it is something else; then the fields mean nothing.
    public mutating func scan(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        forget()
        var cursor = AppendCursor(bytes)
        guard cursor.object({ scanMember($0, &$1) }), cursor.isAtEnd else { return false }
        return hasOperation && !session.isEmpty && !run.isEmpty && !lease.isEmpty && number > 0 && !appends.isEmpty
    }

    /// Reads the array of events of a write whose session, run, lease and number came apart from it. False if it is something else.
    public mutating func scanEvents(_ bytes: UnsafeBufferPointer<UInt8>, number: UInt64) -> Bool {
        forget()
        self.number = number
        var cursor = AppendCursor(bytes)
        return bytes.count > 0 && cursor.array { scanEvent(&$0) } && cursor.isAtEnd
    }

    private mutating func forget() {
        session = 0..<0
        run = 0..<0
        lease = 0..<0
        part = 0..<0
        number = 0
        hasOperation = false
        appends.removeAll(keepingCapacity: true)
    }

    private mutating func scanMember(_ name: AppendCursor.Name, _ cursor: inout AppendCursor) -> Bool {
        switch name {
        case .op:
            guard !hasOperation, let value = cursor.plainString(), cursor.matches(value, "write") else { return false }
            hasOperation = true
            return true
        case .session: return cursor.plainString(into: &session)
        case .run: return cursor.plainString(into: &run)
        case .lease: return cursor.plainString(into: &lease)
        case .seq:
            guard number == 0, let value = cursor.number() else { return false }
            number = UInt64(value)
            return true
        case .events: return appends.isEmpty && cursor.array { scanEvent(&$0) }
        default: return false
        }
    }

    private mutating func scanEvent(_ cursor: inout AppendCursor) -> Bool {
        guard appends.count < Self.maximumAppends else { return false }
        var hasType = false
        var append: Append?
        let isWhole = cursor.object { name, cursor in
            switch name {
            case .type:
                guard !hasType, let value = cursor.plainString(), cursor.matches(value, "part.appended") else {
                    return false
                }
                hasType = true
                return true
            case .part:
                guard append == nil else { return false }
                append = scanPart(&cursor)
                return append != nil
            default: return false
            }
        }
        guard isWhole, hasType, let append else { return false }
        appends.append(append)
        return true
    }

    private mutating func scanPart(_ cursor: inout AppendCursor) -> Append? {
        var append = Append()
        var id = 0..<0
        let isWhole = cursor.object { name, cursor in
            switch name {
            case .id: return cursor.plainString(into: &id)
            case .offset:
                guard append.offset < 0, let value = cursor.number() else { return false }
                append.offset = value
                return true
            case .text:
                guard append.text.lowerBound == 0, let text = cursor.string() else { return false }
                append.text = text.range
                append.isEscaped = text.isEscaped
                return true
            default: return false
            }
        }
        guard isWhole, !id.isEmpty, append.offset >= 0, !append.text.isEmpty else { return nil }
        guard appends.isEmpty || cursor.isSame(id, part) else { return nil }
        if appends.isEmpty { part = id }
        return append
    }
}

/// Reads strict JSON from the front, as far as an ``AppendFrame`` needs it. Every method is false or `nil` at what it does not
/// know, and the frame is then left to others.
struct AppendCursor {
    enum Name { case op, session, run, lease, seq, events, type, part, id, offset, text }

    private let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0

    init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    var isAtEnd: Bool {
        mutating get {
            skipWhitespace()
            return position == bytes.count
        }
    }

    func matches(_ range: Range<Int>, _ word: StaticString) -> Bool {
        guard range.count == word.utf8CodeUnitCount else { return false }
        for index in 0..<range.count where bytes[range.lowerBound + index] != word.utf8Start[index] { return false }
        return true
    }

    func isSame(_ one: Range<Int>, _ other: Range<Int>) -> Bool {
        one.count == other.count && bytes[one].elementsEqual(bytes[other])
    }

    @inline(__always)
    mutating func object(_ member: (Name, inout AppendCursor) -> Bool) -> Bool {
        guard take(UInt8(ascii: "{")) else { return false }
        repeat {
            guard let name = name(), take(UInt8(ascii: ":")), member(name, &self) else { return false }
        } while take(UInt8(ascii: ","))
        return take(UInt8(ascii: "}"))
    }

    @inline(__always)
    mutating func array(_ element: (inout AppendCursor) -> Bool) -> Bool {
        guard take(UInt8(ascii: "[")) else { return false }
        repeat {
            guard element(&self) else { return false }
        } while take(UInt8(ascii: ","))
        return take(UInt8(ascii: "]"))
    }

    /// Names differ in their lengths and first letters; the rest is compared.
    private mutating func name() -> Name? {
        guard let range = plainString() else { return nil }
        switch (range.count, bytes[range.lowerBound]) {
        case (2, UInt8(ascii: "o")): return matches(range, "op") ? .op : nil
        case (2, UInt8(ascii: "i")): return matches(range, "id") ? .id : nil
        case (3, UInt8(ascii: "r")): return matches(range, "run") ? .run : nil
        case (3, UInt8(ascii: "s")): return matches(range, "seq") ? .seq : nil
        case (4, UInt8(ascii: "p")): return matches(range, "part") ? .part : nil
        case (4, UInt8(ascii: "t")): return matches(range, "type") ? .type : matches(range, "text") ? .text : nil
        case (5, UInt8(ascii: "l")): return matches(range, "lease") ? .lease : nil
        case (6, UInt8(ascii: "e")): return matches(range, "events") ? .events : nil
        case (6, UInt8(ascii: "o")): return matches(range, "offset") ? .offset : nil
        case (7, UInt8(ascii: "s")): return matches(range, "session") ? .session : nil
        default: return nil
        }
    }

    /// A string without escapes that is not empty, if none was read into the range before.
    mutating func plainString(into range: inout Range<Int>) -> Bool {
        guard range.isEmpty, let value = plainString() else { return false }
        range = value
        return true
    }

    mutating func plainString() -> Range<Int>? {
        guard let string = string(), !string.isEscaped, !string.range.isEmpty else { return nil }
        return string.range
    }

    /// Any string, checked as strictly as ``JSONScanner`` does. Escapes beyond the short ones are left to that.
    mutating func string() -> (range: Range<Int>, isEscaped: Bool)? {
        guard take(UInt8(ascii: "\"")) else { return nil }
        let start = position
        var isEscaped = false
        while true {
            skipPlainText()
            guard position < bytes.count else { return nil }
            switch bytes[position] {
            case UInt8(ascii: "\""):
                position += 1
                return (start..<position - 1, isEscaped)
            case UInt8(ascii: "\\"):
                guard position + 1 < bytes.count else { return nil }
                switch bytes[position + 1] {
                case UInt8(ascii: "n"), UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "t"), UInt8(ascii: "r"):
                    position += 2
                    isEscaped = true
                default: return nil
                }
            case 0x80...:
                let length = UTF8Check.sequenceLength(in: bytes, at: position)
                guard length > 0 else { return nil }
                position += length
            default: return nil
            }
        }
    }

    /// Passes bytes that are ASCII and need no look: eight at a time.
    private mutating func skipPlainText() {
        let base = UnsafeRawPointer(bytes.baseAddress!)
        while position + 8 <= bytes.count {
            let word = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            let plain = PlainText.plainBytes(word)
            position += plain
            if plain < 8 { return }
        }
        while position < bytes.count, PlainText.isPlain(bytes[position]) { position += 1 }
    }

    /// A number without sign, fraction or exponent, of at most fifteen digits.
    mutating func number() -> Int? {
        skipWhitespace()
        let start = position
        var value = 0
        while position < bytes.count, bytes[position] &- 0x30 < 10 {
            value = value &* 10 &+ Int(bytes[position] &- 0x30)
            position += 1
        }
        let digits = position - start
        guard digits > 0, digits < 16, digits == 1 || bytes[start] != UInt8(ascii: "0") else { return nil }
        guard position < bytes.count else { return nil }
        switch bytes[position] {
        case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"): return nil
        default: return value
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        skipWhitespace()
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipWhitespace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }
}

/// Text that stands in a JSON string as it is: ASCII without control characters, quotes and backslashes.
enum PlainText {
    @inline(__always)
    static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x80 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    /// How many of eight bytes are plain, from the first, which is the lowest, up to one that is not.
    @inline(__always)
    static func plainBytes(_ word: UInt64) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let high: UInt64 = 0x8080_8080_8080_8080
        let control = word &- ones &* 0x20
        let quote = (word ^ ones &* 0x22) &- ones
        let backslash = (word ^ ones &* 0x5C) &- ones
        // A borrow can only make a plain byte look like none behind one that is none, and the first is what counts.
        return ((word | control | quote | backslash) & high).trailingZeroBitCount / 8
    }
}
