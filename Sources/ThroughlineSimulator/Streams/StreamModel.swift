import ThroughlineCore

/// What has to be true of one stream.
final class StreamModel {
    let path: String
    let source: StreamModel?
    let base: Int
    /// Messages that somebody has read, in their places.
    var known: [String] = []
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

    init(path: String, source: StreamModel?, base: Int) {
        self.path = path
        self.source = source
        self.base = base
    }

    /// Compares with all of its messages as they were read.
    func check(_ texts: [String], isClosed: Bool, _ world: StreamSimulation) {
        func fail(_ reason: String) { world.fail("\(path): \(reason)") }
        guard texts.starts(with: known) else { return fail("what was read before has changed") }
        let own = texts.dropFirst(base)
        guard Set(own).count == own.count else { return fail("a message is there twice") }
        if let lost = acknowledged.first(where: { !own.contains($0) }) { return fail("\(lost) is lost") }
        if let strange = own.first(where: { !sent.contains($0) }) { return fail("\(strange) was never sent") }
        if let end, !isClosed || texts.count != end { return fail("it was closed at \(end) and has \(texts.count)") }
        if isClosed, !isCloseAsked { return fail("nobody closed it") }
        var next: [Substring: Int] = [:]
        for text in own {
            // producer.epoch/number
            let pieces = text.split(separator: "/")
            guard pieces.count == 2, let number = Int(pieces[1]), number == next[pieces[0], default: 0] else {
                return fail("\(text) is out of order")
            }
            next[pieces[0]] = number + 1
        }
        known = texts
    }
}
