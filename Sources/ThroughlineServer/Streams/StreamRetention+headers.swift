import ThroughlineCore

/// How much of a stream is kept, in headers.
extension StreamRetention {
    static let headerPrefix = "stream-retention-"

    /// What the headers of a creation say, each once; `nil` where there are none.
    init?(_ headers: [(name: String, value: String)]) throws(Refusal) {
        if headers.isEmpty { return nil }
        self.init()
        for (name, value) in headers {
            switch name.dropFirst(Self.headerPrefix.count) {
            case "age": try Self.set(&seconds, name, value, upTo: StreamFields.maximumSeconds)
            case "bytes": try Self.set(&bytes, name, value, upTo: ProducerStamp.maximumNumber)
            case "count": try Self.set(&messages, name, value, upTo: ProducerStamp.maximumNumber)
            default:
                throw Refusal(.headerInvalid, "Retention is by Stream-Retention-Age, -Bytes and -Count, not \(name).")
            }
        }
    }

    private static func set(
        _ limit: inout UInt64?, _ name: String, _ value: String, upTo maximum: UInt64
    ) throws(Refusal) {
        guard let number = UInt64(digits: value), value == String(number), (1...maximum).contains(number) else {
            throw Refusal(.headerInvalid, "\(name) is a number in decimal digits from 1 to \(maximum).")
        }
        if let limit, limit != number { throw Refusal(.headerInvalid, "The header \(name) stands twice.") }
        limit = number
    }

    var headers: [(name: String, value: String)] {
        [("age", seconds), ("bytes", bytes), ("count", messages)].compactMap { name, limit in
            limit.map { (Self.headerPrefix + name, String($0)) }
        }
    }
}
