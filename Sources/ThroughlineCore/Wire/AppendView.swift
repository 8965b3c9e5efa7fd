/// An encoded `part.appended`, read by where its members stand: no parsing, no decoding, no copy.
///
/// Works only on what ``Event/encoded`` wrote, whose members have a fixed order:
///
///     {"seq":43,"at":1795000000000,"type":"part.appended","run":"r1","part":{"id":"p1","offset":12,"text":" sea"}}
struct AppendView {
    let sequence: UInt64
    let at: UInt64
    let part: Range<Int>
    let offset: UInt64
    /// The inside of the JSON string, escapes and all.
    let text: Range<Int>

    /// `nil` if the event is something else.
    init?(_ bytes: [UInt8]) {
        var cursor = Cursor(bytes: bytes)
        guard cursor.skip(#"{"seq":"#), let sequence = cursor.number(), cursor.skip(#","at":"#),
            let at = cursor.number(), cursor.skip(#","type":"part.appended""#)
        else { return nil }
        if cursor.skip(#","run":""#) { _ = cursor.identifier() }
        guard cursor.skip(#","part":{"id":""#) else { return nil }
        part = cursor.identifier()
        guard cursor.skip(#","offset":"#), let offset = cursor.number(), cursor.skip(#","text":""#) else { return nil }
        self.sequence = sequence
        self.at = at
        self.offset = offset
        text = cursor.position..<bytes.count - 3
    }

    private struct Cursor {
        let bytes: [UInt8]
        var position = 0

        mutating func skip(_ token: StaticString) -> Bool {
            let count = token.utf8CodeUnitCount
            guard position + count <= bytes.count else { return false }
            for index in 0..<count where bytes[position + index] != token.utf8Start[index] { return false }
            position += count
            return true
        }

        mutating func number() -> UInt64? {
            let start = position
            var value: UInt64 = 0
            while position < bytes.count, bytes[position] &- 0x30 < 10 {
                value = value &* 10 &+ UInt64(bytes[position] - 0x30)
                position += 1
            }
            return position > start ? value : nil
        }

        /// Up to the closing quote, which it passes. Identifiers have no escapes.
        mutating func identifier() -> Range<Int> {
            let start = position
            while position < bytes.count, bytes[position] != UInt8(ascii: "\"") { position += 1 }
            defer { position += 1 }
            return start..<position
        }
    }
}
