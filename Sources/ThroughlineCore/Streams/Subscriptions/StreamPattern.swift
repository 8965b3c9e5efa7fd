/// A pattern over paths of streams: `*` stands for one segment, `**` for any number of them.
public struct StreamPattern: Hashable, Sendable {
    public let text: String

    public static let maximumBytes = 1_024

    /// `nil` where a segment is empty, or the text is too long.
    public init?(_ text: String) {
        guard (1...Self.maximumBytes).contains(text.utf8.count),
            text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy({ !$0.isEmpty }),
            text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
        else { return nil }
        self.text = text
    }

    /// Takes time by the product of both lengths at most: when the rest does not fit, only the last `**` takes one segment more.
    public func matches(_ path: StreamPath) -> Bool {
        let slash = UInt8(ascii: "/")
        let pattern = text.utf8.split(separator: slash)
        let segments = path.value.utf8.split(separator: slash)
        var (at, position) = (0, 0)
        var back: (at: Int, position: Int)?
        while position < segments.count {
            if at < pattern.count, pattern[at].elementsEqual("**".utf8) {
                back = (at, position)
                at += 1
            } else if at < pattern.count,
                pattern[at].elementsEqual("*".utf8) || pattern[at].elementsEqual(segments[position])
            {
                at += 1
                position += 1
            } else if let last = back {
                back = (last.at, last.position + 1)
                at = last.at + 1
                position = last.position + 1
            } else {
                return false
            }
        }
        return pattern[at...].allSatisfy { $0.elementsEqual("**".utf8) }
    }
}
