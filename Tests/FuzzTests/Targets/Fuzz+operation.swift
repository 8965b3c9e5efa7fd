@testable import ThroughlineCore
@testable import ThroughlineServer

extension FuzzTarget {
    /// Bodies of requests, frames of sockets, lines of NDJSON: read within the limits, or refused with a code of the 400s.
    static let operation = FuzzTarget("operation") { bytes in
        let decoder = OperationDecoder()
        var lines = LineSplitter(limit: 1 << 16)
        var found: [[UInt8]] = []
        do throws(Refusal) {
            for byte in bytes { if let line = try lines.take(byte) { found.append(line) } }
            if let line = lines.finish() { found.append(line) }
        } catch {
            try require(error.code == .tooLarge, "a line is refused as \(error.code.rawValue)")
        }
        for line in found {
            try require(!line.isEmpty && !line.contains(UInt8(ascii: "\n")), "a line that is none")
            try check(line, decoder)
        }
    }

    private static func check(_ line: [UInt8], _ decoder: OperationDecoder) throws {
        guard let value = try refusable({ () throws(Refusal) in try decoder.json(line) }) else { return }
        _ = try refusable { () throws(Refusal) in try decoder.create(value) }
        _ = try refusable { () throws(Refusal) in try decoder.update(value) }
        _ = try refusable { () throws(Refusal) in try decoder.command(value) }
        _ = try refusable { () throws(Refusal) in try decoder.startRun(value) }
        _ = try refusable { () throws(Refusal) in try decoder.answer(AgentRequestID(unchecked: "q"), value) }
        _ = try refusable { () throws(Refusal) in
            try decoder.endRun(RunID(unchecked: "r"), token: "t", value)
        }
        if case .addInput(let input)? = try refusable({ () throws(Refusal) in try decoder.addInput(value) }) {
            try check(input.parts, decoder.limits)
        }
        _ = try refusable { () throws(Refusal) in try decoder.updateInput(InputID(unchecked: "i"), value) }
        if let events = try refusable({ () throws(Refusal) in try decoder.agentEvents(value) }) {
            try require(events.count <= decoder.limits.eventsPerWrite, "more events than one write takes")
            for event in events { try check(event, decoder) }
        }
        if let who = try refusable({ () throws(Refusal) in try RequestIdentity.parse(value, key: nil) }) {
            try check(who)
        }
    }

    /// What `body` gives, or `nil` where it refuses in order.
    static func refusable<Value>(_ body: () throws(Refusal) -> Value) throws -> Value? {
        do throws(Refusal) {
            return try body()
        } catch {
            try require((400..<500).contains(error.code.status), "refused as \(error.code.rawValue)")
            try require(!error.detail.isEmpty, "refused without a word")
            return nil
        }
    }

    private static func check(_ parts: [InputPart], _ limits: SessionLimits) throws {
        try require((1...limits.inputParts).contains(parts.count), "\(parts.count) parts")
        try require(parts.reduce(0) { $0 + $1.text.count } <= limits.inputText, "too much text")
        for part in parts { try check(part.head, limits) }
    }

    private static func check(_ head: PartHead, _ limits: SessionLimits) throws {
        for text in [head.name, head.call, head.mediaType, head.url, head.title] {
            try require(text.map { $0.utf8.count <= limits.attribute } ?? true, "an attribute is too long")
        }
    }

    /// An event as the server sends it on is one that an agent may write, and the same.
    private static func check(_ event: AgentEvent, _ decoder: OperationDecoder) throws {
        let body: EventBody
        switch event {
        case .messageStarted(let id, let role, let parent, let step, let audience):
            body = .messageStarted(id: id, run: nil, role: role, parent: parent, step: step, audience: audience)
        case .messageEnded(let id, let status): body = .messageEnded(id: id, status: status)
        case .partStarted(let id, let message, let head):
            try check(head, decoder.limits)
            body = .partStarted(id: id, message: message, head: head)
        case .partAppended(let id, let offset, let text):
            try require(offset >= 0 && text.count <= decoder.limits.appendText, "an append out of bounds")
            try require(text.withUnsafeBytes { UTF8Check.isValid($0) }, "a text that is no UTF-8")
            body = .partAppended(id: id, run: nil, offset: offset, text: text)
        case .partEnded(let id, let status): body = .partEnded(id: id, status: status)
        case .stepStarted(let id, let attempt, let label):
            // Sent on with the attempt that was counted.
            guard let attempt else { return }
            try require(label.map { $0.utf8.count <= decoder.limits.label } ?? true, "a label is too long")
            body = .stepStarted(id: id, run: RunID(unchecked: "r"), attempt: attempt, label: label)
        case .stepEnded(let id, let status): body = .stepEnded(id: id, run: RunID(unchecked: "r"), status: status)
        case .requestOpened(let draft): return try check(draft, decoder.limits)
        case .requestWithdrawn(let id): body = .request(.withdrawn(id: id, reason: "by_agent"))
        case .runUpdated(let label, let progress, let usage):
            try require((label?.utf8.count ?? 0) <= decoder.limits.label, "a label is too long")
            body = .runUpdated(.init(id: RunID(unchecked: "r"), label: label, progress: progress, usage: usage))
        case .runWaiting(let reason): body = .runWaiting(.init(id: RunID(unchecked: "r"), reason: reason))
        case .runResumed: body = .runResumed(id: RunID(unchecked: "r"), command: nil)
        case .commandApplied(let id): body = .commandApplied(.init(id: id))
        case .commandDeferred(let id): body = .commandDeferred(.init(id: id))
        }
        let sent = Event(sequence: SequenceNumber(1), at: Timestamp(milliseconds: 1), by: nil, body: body)
        let again = try decoder.agentEvents(try decoder.json(sent.encoded))
        try require(again == [event], "sent on as another event")
    }

    /// What the machine makes of it is another event: with a time, and a digest.
    private static func check(_ draft: RequestDraft, _ limits: SessionLimits) throws {
        let opening = draft.opening
        try require(opening.prompt.utf8.count <= limits.requestPrompt, "a prompt that is too long")
        for json in [opening.arguments, opening.fallback, opening.schema].compactMap(\.self) {
            try require(json.count <= limits.requestValue, "a value that is too long")
            let value = try JSONDocument.parse(json)
            if let schema = opening.schema { _ = JSONSchema.breach(of: try JSONDocument.parse(schema), by: value) }
        }
        try require(opening.choices.count <= limits.requestChoices, "too many choices")
        try require(!opening.who.roles.contains(.system), "the server is asked")
    }

    static func check(_ who: Participant) throws {
        try require((1...128).contains(who.id.utf8.count) && who.role != .system, "a participant who may not be")
        let all = who.id + (who.device ?? "")
        try require(all.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }, "a control character in a name")
    }
}
