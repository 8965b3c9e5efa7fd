@testable import ThroughlineCore

extension FuzzTarget {
    /// Appends to a few parts, merged as for a slow reader: the reader holds the same texts, and sees every number.
    static let delivery = FuzzTarget("delivery") { bytes in
        var input = FuzzInput(bytes)
        let maximumText = 1 + input.below(200)
        var texts: [String: [UInt8]] = [:]
        var events: [Delivery] = []
        while !input.isAtEnd, events.count < 200 {
            let sequence = SequenceNumber(UInt64(events.count) + 1)
            events.append(Delivery(sequence: sequence, bytes: event(&input, sequence, &texts).encoded))
        }
        let merged = Delivery.merging(events, maximumText: maximumText)
        try require(merged.count <= events.count, "merging made more of them")
        var reader = Reader()
        for delivery in merged { try reader.take(delivery) }
        try require(reader.sequence == UInt64(events.count), "the last events are missing")
        try require(reader.texts == texts.filter { !$0.value.isEmpty }, "the reader holds other texts")
    }

    private static func event(
        _ input: inout FuzzInput, _ sequence: SequenceNumber, _ texts: inout [String: [UInt8]]
    ) -> Event {
        let choice = input.below(8)
        let at = Timestamp(milliseconds: Int64(sequence.rawValue) * 10)
        guard choice > 0 else {
            return Event(
                sequence: sequence, at: at, by: .server,
                body: .messageEnded(id: .init(unchecked: "m"), status: .complete))
        }
        let part = "p\(choice % 4)"
        let text = Array(input.text(input.below(40)).utf8)
        let offset = texts[part]?.count ?? 0
        texts[part, default: []] += text
        let run: RunID? = choice > 5 ? nil : RunID(unchecked: "r\(choice)")
        return Event(
            sequence: sequence, at: at, by: nil,
            body: .partAppended(id: PartID(unchecked: part), run: run, offset: offset, text: text))
    }
}

/// A reader of merged deliveries: what it holds of some part already it drops, as the protocol says.
private struct Reader {
    var sequence: UInt64 = 0
    var texts: [String: [UInt8]] = [:]

    mutating func take(_ delivery: Delivery) throws {
        let value = try JSONDocument.parse(delivery.bytes)
        let last = UInt64(value["seq"]?.integer ?? 0)
        let first = value["from"]?.integer.map { UInt64($0) } ?? last
        try require(first == sequence + 1 && last >= first, "a gap before \(first)")
        try require(delivery.sequence.rawValue == last, "numbered as \(delivery.sequence)")
        sequence = last
        for part in value["parts"]?.elements ?? [value["part"]].compactMap(\.self) { try append(part) }
    }

    private mutating func append(_ part: JSONValue) throws {
        guard let id = part["id"]?.string, let text = part["text"]?.textBytes, let offset = part["offset"]?.integer
        else {
            throw Violation(description: "an append without part, offset or text")
        }
        try require(Int(offset) == texts[id]?.count ?? 0, "an append at \(offset) of \(id)")
        if !text.isEmpty { texts[id, default: []] += text }
    }
}
