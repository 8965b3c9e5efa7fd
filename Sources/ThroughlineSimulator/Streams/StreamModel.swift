import ThroughlineCore

/// What has to be true of one stream.
final class StreamModel {
    let path: String
    let source: StreamModel?
    let base: Int
    let retention: StreamRetention?
    /// Whether its messages have keys, of each of which the newest is kept.
    let isCompacted: Bool
    /// Places at which there is nothing any more.
    private var empty: Set<Int> = []
    /// Messages that somebody has read, in their places; `nil` where one went before anybody saw it.
    var known: [String?] = []
    /// Where it began when it was read last.
    private(set) var earliest = 0
    /// Messages that were acknowledged.
    var acknowledged: Set<String> = []
    /// Messages that were sent: no others may be there.
    var sent: Set<String> = []
    var isMade = false
    var isCloseAsked = false
    /// How many messages it had when its closing was acknowledged.
    var end: Int?
    var isDeletionAsked = false
    var isDeleted = false

    init(path: String, source: StreamModel?, base: Int, retention: StreamRetention?, isCompacted: Bool) {
        self.path = path
        self.source = source
        self.base = base
        self.retention = retention
        self.isCompacted = isCompacted
        known = source.map { Array($0.known[..<base]) } ?? []
        empty = source?.empty.filter { $0 < base } ?? []
    }

    /// Whether nothing of it is ever let go.
    var isKeptWhole: Bool { retention == nil && !isCompacted && source?.isKeptWhole != false }

    /// A message that says something. With a key it is so long that a few are worth a note of what the writers have done.
    func message(_ text: String) -> String {
        let key = text.utf8.reduce(0) { $0 &+ $1 } % 2
        return isJSON ? #"{"key":"\#(key)","text":"\#(text)","more":"\#(Self.more)"}"# : text
    }

    private static let more = String(repeating: "x", count: 60)

    var isJSON: Bool { isCompacted || source?.isJSON == true }
    var contentType: String { isJSON ? "application/json" : "text/plain" }

    static let compaction = StreamCompaction(members: ["key"])

    /// What a message says, and of which key it is.
    private func parts(_ message: String) -> (text: String, key: [UInt8]?) {
        guard let value = try? JSONDocument.parse(Array(message.utf8)), value.kind == .object else {
            return (message, nil)
        }
        let text = value.members.first { $0.name == "text" }?.value.string
        return (text ?? message, Self.compaction.key(of: Array(message.utf8)))
    }

    /// Compares with all of its messages as they were read, from the place where they begin.
    func check(_ texts: [String?], from begin: Int, isClosed: Bool, _ world: StreamSimulation) {
        func fail(_ reason: String) { world.fail("\(path): \(reason)") }
        guard begin >= earliest else { return fail("it began at \(earliest) and begins at \(begin) again") }
        if let reason = reasonAgainst(begin, texts.count) { return fail(reason) }
        world.outcomes.trimmed += begin - earliest
        earliest = begin
        guard begin + texts.count >= known.count else { return fail("it has become shorter") }
        known += Array(repeating: nil, count: max(0, begin - known.count))
        for (index, text) in texts.enumerated() {
            let place = begin + index
            if place == known.count { known.append(text) }
            guard let text else {
                if empty.insert(place).inserted { world.outcomes.superseded += 1 }
                continue
            }
            if empty.contains(place) { return fail("\(text) is back") }
            guard known[place] == text else { return fail("what was read before has changed") }
        }
        if let lost = firstWithoutSuccessor(begin) { return fail("\(lost) has gone, and there is no newer one") }
        let own = known.dropFirst(base)
        let seen = own.compactMap { $0 }
        guard Set(seen).count == seen.count else { return fail("a message is there twice") }
        let lost = acknowledged.subtracting(seen)
        if lost.count > own.count - seen.count { return fail("\(lost) are lost") }
        if let strange = seen.first(where: { !sent.contains($0) }) { return fail("\(strange) was never sent") }
        if let end, !isClosed || known.count != end { return fail("it was closed at \(end) and has \(known.count)") }
        if isClosed, !isCloseAsked { return fail("nobody closed it") }
        if let text = firstOutOfOrder(own) { fail("\(text) is out of order") }
    }

    /// What is wrong with where it begins.
    private func reasonAgainst(_ begin: Int, _ count: Int) -> String? {
        if retention == nil, begin > base { return "it begins at \(begin), and all of its own is kept" }
        if retention == nil, source == nil, begin > 0 { return "it begins at \(begin), and all is kept" }
        guard let retention, retention.seconds == nil, retention.bytes == nil, begin > base else { return nil }
        return count < Int(retention.messages ?? 0) ? "\(count) are left, and \(retention) are kept" : nil
    }

    /// A message that is missing though it is the newest of its key.
    private func firstWithoutSuccessor(_ begin: Int) -> String? {
        if !isCompacted, source?.isKeptWhole != false {
            return empty.first { $0 >= begin }.map { "what was at \($0)" }
        }
        var newest: [[UInt8]: Int] = [:]
        for (place, message) in known.enumerated() where message != nil && place >= base && isCompacted {
            if let key = parts(message ?? "").key { newest[key] = place }
        }
        for place in empty where place >= max(begin, base) {
            guard let message = known[place] else { continue }
            let successor = parts(message).key.flatMap { newest[$0] }
            if successor.map({ $0 > place }) != true { return message }
        }
        return nil
    }

    private func firstOutOfOrder(_ own: ArraySlice<String?>) -> String? {
        var next: [Substring: Int] = [:]
        var isWhole = true
        for text in own {
            guard let text = text.map({ parts($0).text }) else {
                isWhole = false
                continue
            }
            // producer.epoch/number
            let pieces = text.split(separator: "/")
            guard pieces.count == 2, let number = Int(pieces[1]) else { return text }
            let expected = next[pieces[0], default: 0]
            guard number == expected || !isWhole && number > expected else { return text }
            next[pieces[0]] = number + 1
        }
        return nil
    }
}
