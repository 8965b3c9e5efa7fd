/// One event of a server-sent event stream.
package struct SSEEvent: Hashable, Sendable {
    /// The `data` lines, joined with a line feed. Valid UTF-8, never empty unless `event` names a type.
    package var data: [UInt8]
    /// The `event` field of this event.
    package var event: String?
    /// The `id` field of this event; `nil` where it had none.
    package var id: String?

    package init(data: [UInt8], event: String? = nil, id: String? = nil) {
        self.data = data
        self.event = event
        self.id = id
    }
}

/// Why a stream cannot be read on.
package enum SSEError: Error, Hashable, Sendable {
    case lineTooLong(limit: Int)
    case eventTooLarge(limit: Int)
}

/// Reads a server-sent event stream (HTML standard, 9.2.6) as its bytes arrive, in pieces cut anywhere.
///
/// Works on whole lines, so a character split over two pieces is never torn. Bytes that are no UTF-8 become U+FFFD.
package struct SSEParser: Sendable {
    private let maximumLine: Int
    private let maximumEvent: Int
    private var line: [UInt8] = []
    private var data: [UInt8] = []
    private var hasData = false
    private var event: String?
    private var id: String?
    private var isAfterCarriageReturn = false
    private var isAtStart = true

    package init(maximumLine: Int = 1 << 20, maximumEvent: Int = 1 << 20) {
        self.maximumLine = maximumLine
        self.maximumEvent = maximumEvent
    }

    /// Takes the next bytes and returns the events that they complete.
    package mutating func feed(_ bytes: some Sequence<UInt8>) throws(SSEError) -> [SSEEvent] {
        var events: [SSEEvent] = []
        for byte in bytes {
            let endsPair = isAfterCarriageReturn && byte == UInt8(ascii: "\n")
            isAfterCarriageReturn = byte == UInt8(ascii: "\r")
            if endsPair { continue }
            guard byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") else {
                guard line.count < maximumLine else { throw .lineTooLong(limit: maximumLine) }
                line.append(byte)
                continue
            }
            if let event = try endLine() { events.append(event) }
        }
        return events
    }

    /// The stream is over: an event whose last blank line never came is still returned, since many servers leave it out.
    /// Whoever needs to know whether the stream was whole looks at what the events say.
    package mutating func finish() throws(SSEError) -> SSEEvent? {
        let last = try endLine()
        return last ?? dispatch()
    }

    private mutating func endLine() throws(SSEError) -> SSEEvent? {
        defer { line.removeAll(keepingCapacity: true) }
        if isAtStart {
            isAtStart = false
            if line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
        }
        guard !line.isEmpty else { return dispatch() }
        try readField()
        return nil
    }

    private mutating func readField() throws(SSEError) {
        let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
        var value = line[min(colon + 1, line.endIndex)...]
        if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        switch line[..<colon] {
        case let name where name.elementsEqual("data".utf8): try append(value)
        case let name where name.elementsEqual("event".utf8): event = String(decoding: value, as: UTF8.self)
        case let name where name.elementsEqual("id".utf8) && !value.contains(0):
            id = String(decoding: value, as: UTF8.self)
        default: break  // A comment, `retry`, or a field of a later standard.
        }
    }

    private mutating func append(_ value: ArraySlice<UInt8>) throws(SSEError) {
        guard data.count + value.count < maximumEvent else { throw .eventTooLarge(limit: maximumEvent) }
        if hasData { data.append(UInt8(ascii: "\n")) }
        data.append(contentsOf: value)
        hasData = true
    }

    private mutating func dispatch() -> SSEEvent? {
        defer {
            data = []
            hasData = false
            event = nil
            id = nil
        }
        guard !data.isEmpty || (hasData && event != nil) else { return nil }
        return SSEEvent(data: data.repairedUTF8, event: event, id: id)
    }
}

extension [UInt8] {
    /// The same bytes, or where they are no UTF-8 the nearest that are.
    var repairedUTF8: [UInt8] {
        String(validating: self, as: UTF8.self) != nil ? self : Array(String(decoding: self, as: UTF8.self).utf8)
    }

    /// The bytes in pieces of at most `limit`, cut between characters. The bytes are UTF-8; `limit` is at least 4.
    func pieces(of limit: Int) -> [ArraySlice<UInt8>] {
        var pieces: [ArraySlice<UInt8>] = []
        var start = 0
        while start < count {
            var end = Swift.min(start + limit, count)
            while end < count, self[end] & 0xC0 == 0x80 { end -= 1 }
            pieces.append(self[start..<end])
            start = end
        }
        return pieces
    }
}
