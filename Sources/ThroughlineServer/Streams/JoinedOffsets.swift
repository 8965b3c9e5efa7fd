import ThroughlineCore

/// Where a reader of several streams is, as the id of an event: `12.5.-`. A number for each stream, in the order of the request, and
/// `-` for one that is gone. Opaque to clients.
struct JoinedOffsets: Equatable, CustomStringConvertible {
    var offsets: [StreamOffset?]

    init(_ offsets: [StreamOffset?]) { self.offsets = offsets }

    /// Reads what ``description`` wrote; `nil` for anything else.
    init?(_ text: String) {
        offsets = []
        for piece in text.cut(at: ".") {
            if piece == "-" {
                offsets.append(nil)
            } else {
                guard let number = UInt64(digits: piece), String(number) == piece else { return nil }
                offsets.append(StreamOffset(number))
            }
        }
    }

    var description: String {
        offsets.map { $0.map { String($0.position) } ?? "-" }.joined(separator: ".")
    }
}
