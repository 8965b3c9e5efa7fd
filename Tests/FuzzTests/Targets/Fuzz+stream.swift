@testable import ThroughlineCore
@testable import ThroughlineServer

extension FuzzTarget {
    /// Durable streams: paths, offsets, headers, JSON bodies, and what is stored of a stream and of a subscription.
    static let stream = FuzzTarget("stream") { bytes in
        var input = FuzzInput(bytes)
        let kind = input.below(7)
        switch kind {
        case 0: try checkTarget(input.text(4_096))
        case 1: try checkFields(&input)
        case 2: try checkMessages(input.remainder())
        case 3: try checkPattern(&input)
        case 4: try checkStored(input.remainder())
        case 5: try checkWrites(&input)
        default: try checkForks(&input)
        }
    }

    private static func checkTarget(_ text: String) throws {
        if let path = StreamPath(text) {
            try require(!path.value.hasPrefix("/") && !path.value.contains("//"), "a path with an empty segment")
            let segments = path.value.split(separator: "/")
            try require(!segments.contains("..") && !segments.contains("."), "a path that goes elsewhere")
        }
        if let offset = StreamOffset(text) {
            try require(offset.description == text, "an offset is written as another")
        }
        if let offsets = JoinedOffsets(text) {
            try require(offsets.description == text, "an id of several streams is written as another")
        }
        for start in ["/v1/stream/", "/v1/stream?"] {
            guard let target = StreamTarget(start + text) else { continue }
            try require(target.isRoot == start.hasSuffix("?"), "a stream is taken for all of them")
            _ = target.parameters("stream")
            _ = try refusable { () throws(Refusal) in try target.path() }
            _ = try refusable { () throws(Refusal) in try target.parameter("offset") }
            _ = isReservedAndNoPath(target)
        }
        if let time = RFC3339.parse(text) {
            try require(RFC3339.parse(RFC3339.text(time)) == time, "a time is read back as another")
        }
    }

    /// Whether a target is one of the protocol's own, which no stream's path is.
    private static func isReservedAndNoPath(_ target: StreamTarget) -> Bool {
        target.isReserved && (try? target.path()) == nil
    }

    private static let names = [
        "Content-Type", "Stream-Closed", "Stream-TTL", "Stream-Expires-At", "Stream-Forked-From", "Stream-Fork-Offset",
        "Stream-Fork-Sub-Offset", "Stream-Seq", "Producer-Id", "Producer-Epoch", "Producer-Seq", "If-Match",
        "Last-Event-ID", "Stream-Retention-Age", "Stream-Retention-Bytes", "Stream-Retention-Count",
        "Stream-Compaction-Key",
    ]

    private static func checkFields(_ input: inout FuzzInput) throws {
        var fields = StreamFields()
        while !input.isAtEnd { fields.take(names[input.below(names.count)], input.text(input.below(64))) }
        let read = fields
        _ = try refusable { () throws(Refusal) in try read.check() }
        if let producer = try refusable({ () throws(Refusal) in try read.producer() }), let producer {
            try require(producer.epoch <= ProducerStamp.maximumNumber, "an epoch that JavaScript cannot count to")
        }
        _ = try refusable { () throws(Refusal) in try read.streamOrder() }
        _ = try refusable { () throws(Refusal) in try read.expectedTail() }
        guard let creation = try refusable({ () throws(Refusal) in try read.creation([]) }) else { return }
        if case .idle(let seconds) = creation.lifetime {
            try require(String(seconds) == fields.ttl, "a time to live is another")
        }
        if let retention = creation.retention {
            var again = StreamFields()
            for (name, value) in retention.headers { again.take(name, value) }
            let second = try refusable { [again] () throws(Refusal) in try again.creation([]) }
            try require(!retention.headers.isEmpty && second?.retention == retention, "a retention is read as another")
        }
    }

    /// The messages of a body, put together as a reader gets them, mean what the body does.
    private static func checkMessages(_ body: [UInt8]) throws {
        guard let messages = try refusable({ () throws(Refusal) in try StreamMessages.json(body, mayBeEmpty: true) })
        else { return }
        let whole = [UInt8(ascii: "[")] + Array(messages.joined(separator: [UInt8(ascii: ",")])) + [UInt8(ascii: "]")]
        let again = try refusable { () throws(Refusal) in try StreamMessages.json(whole, mayBeEmpty: true) }
        try require(again == messages, "messages are read back as others")
    }

    private static func checkPattern(_ input: inout FuzzInput) throws {
        let text = input.text(input.below(200))
        guard let pattern = StreamPattern(text), let path = StreamPath(input.text(400)) else { return }
        _ = pattern.matches(path)
        if let all = StreamPattern("**") { try require(all.matches(path), "** does not match \(path)") }
        if let same = StreamPattern(path.value), !path.value.contains("*") {
            try require(same.matches(path), "a path does not match itself")
        }
    }

    private static func checkStored(_ bytes: [UInt8]) throws {
        if let summary = StreamSummary(stored: bytes) {
            try require(StreamSummary(stored: summary.encoded) == summary, "a summary is read back as another")
        }
        if let note = try? StreamNote(stored: bytes), !note.encoded.isEmpty {
            try require((try? StreamNote(stored: note.encoded)) == note, "a note is read back as another")
        }
        if let change = SubscriptionChange(stored: bytes) {
            try require(SubscriptionChange(stored: change.encoded) == change, "a change is read back as another")
        }
        if let machine = SubscriptionMachine(stored: bytes) {
            try require(
                SubscriptionMachine(stored: machine.encoded)?.encoded == machine.encoded,
                "a subscription is read back as another")
        }
    }

    /// A stream as its writers see it, and what was stored of it.
    private struct Written {
        let made: StreamSummary
        var machine: StreamMachine
        var records: [LogRecord] = []

        init(_ summary: StreamSummary) {
            made = summary
            machine = StreamMachine(summary)
        }

        mutating func write(_ input: inout FuzzInput) throws {
            let flags = input.byte()
            let producer = ProducerStamp(
                id: flags & 1 == 0 ? "p" : "q", epoch: UInt64(input.below(3)), sequence: UInt64(input.below(4)))
            let isClosing = flags & 0xF0 == 0xF0
            let messages = isClosing && flags & 8 != 0 ? [] : [input.bytes(input.below(4))]
            let write = StreamWrite(
                messages: messages, producer: flags & 2 == 0 ? producer : nil,
                order: flags & 4 == 0 ? input.text(2) : nil, isClosing: isClosing)
            let before = records.count
            let verdict = machine.write(write, at: Timestamp(milliseconds: 1), into: &records)
            try require((records.count > before) == (verdict == .taken), "records without a verdict, or the other way")
        }

        /// What was stored makes the same machine again, by itself and behind a checkpoint anywhere.
        func check(cut: Int) throws {
            var replayed = StreamMachine(made)
            try require(replayed.replay(Array(records[..<cut])), "what was stored cannot be read")
            var resumed = StreamMachine(replayed.checkpoint, of: replayed.summary)
            try require(replayed.replay(Array(records[cut...])), "what was stored cannot be read")
            try require(replayed.checkpoint == machine.checkpoint, "what was stored makes another machine")
            try require(replayed.summary == machine.summary, "what was stored makes another stream")
            try require(resumed?.replay(Array(records[cut...])) == true, "what is behind a checkpoint cannot be read")
            try require(resumed?.checkpoint == machine.checkpoint, "a checkpoint makes another machine")
            try require(
                StreamSummary(stored: machine.summary.encoded) == machine.summary, "a summary is read as another")
            let events = UInt64(records.count { $0.kind == .event })
            try require(machine.tail.position == (made.fork?.base ?? 0) + events, "the tail is elsewhere")
        }
    }

    /// Any writes: what was stored makes the same machine again.
    private static func checkWrites(_ input: inout FuzzInput) throws {
        guard let path = StreamPath("a") else { return }
        var stream = Written(
            StreamSummary(path: path, settings: StreamSettings(), created: Timestamp(milliseconds: 0)))
        while !input.isAtEnd { try stream.write(&input) }
        try stream.check(cut: stream.records.count / 2)
    }

    /// Forks of forks, each with writes of its own: none sees another's.
    private static func checkForks(_ input: inout FuzzInput) throws {
        guard let path = StreamPath("a") else { return }
        let settings = StreamSettings()
        var family = [Written(StreamSummary(path: path, settings: settings, created: Timestamp(milliseconds: 0)))]
        while !input.isAtEnd {
            let index = input.below(family.count)
            guard input.below(4) == 0, family.count < 100 else {
                try family[index].write(&input)
                continue
            }
            let tail = family[index].machine.tail
            let base = UInt64(input.below(Int(tail.position) + 1))
            let fork = StreamFork(
                source: StreamID("\(index)"), sourcePath: path, base: base, asked: StreamOffset(base),
                askedBeyond: UInt64(input.below(3)))
            family.append(
                Written(StreamSummary(path: path, settings: settings, created: Timestamp(milliseconds: 0), fork: fork)))
            try require(family[family.count - 1].machine.tail == StreamOffset(base), "a fork begins elsewhere")
            try require(family[index].machine.tail == tail, "a fork has moved its source")
        }
        for stream in family { try stream.check(cut: stream.records.count / 3) }
    }
}
