@testable import ThroughlineCore

extension FuzzTarget {
    /// What is read back from the log: events, notes, summaries. What was read is written and read as the same.
    static let stored = FuzzTarget("stored") { bytes in
        let stored = Array(bytes)
        if let event = Event(stored: stored) { try check(event) }
        if let note = Note(stored: stored) {
            let again = Note(stored: note.encoded)
            try require(again == note, "a note is read back as another")
        }
        if let summary = SessionSummary(stored: stored) {
            let encoded = summary.encoded
            let again = SessionSummary(stored: encoded)
            try require(again?.encoded == encoded, "a summary is read back as another")
        }
    }

    private static func check(_ event: Event) throws {
        let encoded = event.encoded
        try require(Event(stored: encoded) == event, "an event is read back as another")
        let view = AppendView(encoded)
        guard case .partAppended(let id, _, let offset, let text) = event.body else {
            return try require(view == nil, "taken for an append: \(event.body.type)")
        }
        // The machine gives an append no author.
        guard event.by == nil, event.at.rawValue >= 0 else { return }
        guard let view else { throw Violation(description: "an append is not known as one") }
        try require(view.sequence == event.sequence.rawValue && view.offset == UInt64(offset), "other numbers")
        try require(encoded[view.part].elementsEqual(id.value.utf8), "another part")
        let inside = [UInt8(ascii: "\"")] + encoded[view.text] + [UInt8(ascii: "\"")]
        try require(try JSONDocument.parse(inside).textBytes == text, "another text")
    }
}
