/// One event as a reader gets it: as it is stored, or several appends merged.
public struct Delivery: Hashable, Sendable {
    /// The number of the last event in it.
    public var sequence: SequenceNumber
    public var bytes: [UInt8]

    public init(sequence: SequenceNumber, bytes: [UInt8]) {
        self.sequence = sequence
        self.bytes = bytes
    }

    /// Merges every run of consecutive appends into one delivery, with one entry a part; everything else stays as it is.
    ///
    /// - Parameter maximumText: A merged delivery that has reached so many bytes of text is closed, and the next begun.
    public static func merging(_ events: [Delivery], maximumText: Int = 64 << 10) -> [Delivery] {
        var merged: [Delivery] = []
        var open: Merger?
        for event in events {
            guard let view = AppendView(event.bytes) else {
                if let delivery = open?.finish() { merged.append(delivery) }
                open = nil
                merged.append(event)
                continue
            }
            if let delivery = open?.finishIfFull(maximumText) {
                merged.append(delivery)
                open = nil
            }
            if open == nil { open = Merger() }
            open?.add(view, of: event)
        }
        if let delivery = open?.finish() { merged.append(delivery) }
        return merged
    }
}

/// Consecutive appends on their way to become one delivery.
private struct Merger {
    private struct Entry {
        var part: ArraySlice<UInt8>
        var offset: UInt64
        var text: [UInt8]
    }

    private var entries: [Entry] = []
    private var places: [ArraySlice<UInt8>: Int] = [:]
    private var first: Delivery?
    private var from: UInt64 = 0
    private var last = SequenceNumber.zero
    private var at: UInt64 = 0
    private var count = 0
    private var textBytes = 0

    mutating func add(_ view: AppendView, of event: Delivery) {
        if count == 0 {
            first = event
            from = view.sequence
        }
        count += 1
        last = event.sequence
        at = view.at
        textBytes += view.text.count
        let part = event.bytes[view.part]
        if let place = places[part] {
            entries[place].text.append(contentsOf: event.bytes[view.text])
        } else {
            places[part] = entries.count
            entries.append(Entry(part: part, offset: view.offset, text: Array(event.bytes[view.text])))
        }
    }

    func finishIfFull(_ maximumText: Int) -> Delivery? {
        textBytes >= maximumText ? finish() : nil
    }

    /// A single append stays as it is.
    func finish() -> Delivery? {
        guard count > 1 else { return first }
        var writer = JSONWriter(capacity: textBytes + entries.count * 48 + 96)
        writer.object {
            $0.field("type", "part.appended")
            $0.field("from", from)
            $0.field("seq", last.rawValue)
            $0.field("at", at)
            $0.key("parts")
            $0.array(entries) { writer, entry in
                writer.object {
                    $0.key("id")
                    $0.quoted(entry.part)
                    $0.field("offset", entry.offset)
                    $0.key("text")
                    $0.quoted(entry.text)
                }
            }
        }
        return Delivery(sequence: last, bytes: writer.bytes)
    }
}

extension JSONWriter {
    /// A string whose inside is escaped already.
    fileprivate mutating func quoted(_ inside: some Collection<UInt8>) {
        var quoted: [UInt8] = []
        quoted.reserveCapacity(inside.count + 2)
        quoted.append(UInt8(ascii: "\""))
        quoted.append(contentsOf: inside)
        quoted.append(UInt8(ascii: "\""))
        raw(quoted)
    }
}
