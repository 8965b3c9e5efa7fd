import ThroughlineCore

/// Tells a session's events as text, as they come.
struct LivePrinter {
    /// The state in which the run ended that was waited for.
    private(set) var outcome: String?

    private let input: String?
    private var run: String?
    private var lengths: [String: Int] = [:]
    private var heads: [String: String] = [:]
    /// Who says a message, where everybody's are told.
    private var speakers: [String: String] = [:]
    private var verbs: [String: String] = [:]
    /// The part that the cursor stands in.
    private var current: String?

    /// - Parameter input: Only what answers this one is told.
    init(onlyRunsOf input: String? = nil) { self.input = input }

    /// The text that a snapshot's newest messages hold.
    mutating func begin(with snapshot: JSONValue) -> String {
        var text = ""
        for command in snapshot["commands"]?.elements ?? [] { note(command) }
        for message in snapshot["messages"]?.elements ?? [] {
            note(message, by: message["by"])
            for part in message["parts"]?.elements ?? [] {
                guard let id = part["id"]?.string else { continue }
                text += start(id, part, of: message["id"]?.string)
                text += append(id, offset: 0, part["text"]?.textBytes ?? [])
                if part["status"]?.string != "streaming" { text += end(id, part) }
            }
        }
        return text
    }

    /// What there is to say about an event; often nothing.
    mutating func take(_ event: JSONValue) -> String {
        switch event["type"]?.string {
        case "input.added": return input == nil ? said(event) : ""
        case "run.started": return started(event["run"])
        case "run.ended": return ended(event["run"])
        case "message.started":
            if let message = event["message"] { note(message, by: event["by"]) }
            return ""
        case "part.started":
            guard let part = event["part"], let id = part["id"]?.string, isWanted(event) else { return "" }
            return start(id, part, of: part["message"]?.string)
        case "part.appended": return appended(event)
        case "part.ended":
            guard let part = event["part"], let id = part["id"]?.string else { return "" }
            return end(id, part)
        default: return input == nil ? controlled(event) : ""
        }
    }

    private mutating func note(_ message: JSONValue, by: JSONValue?) {
        guard input == nil, let id = message["id"]?.string, let speaker = by?["id"]?.string else { return }
        speakers[id] = Terminal.harmless(speaker) + ": "
    }

    private mutating func note(_ command: JSONValue) {
        if let id = command["id"]?.string, let verb = command["verb"]?.string { verbs[id] = verb }
    }

    private mutating func controlled(_ event: JSONValue) -> String {
        if let command = event["command"] { note(command) }
        let verb = event["command"]?["id"]?.string.flatMap { verbs[$0] }
        guard let line = Self.control(event, verb: verb) else { return "" }
        return newLine() + Terminal.harmless(line) + "\n"
    }

    private func isWanted(_ event: JSONValue) -> Bool { input == nil || run != nil }

    private mutating func said(_ event: JSONValue) -> String {
        let texts = event["input"]?["parts"]?.elements.compactMap { $0["text"]?.string } ?? []
        return newLine() + "> \(event["by"]?["id"]?.string ?? "somebody"): "
            + Terminal.harmless(texts.joined(separator: " "))
            + "\n"
    }

    private mutating func started(_ value: JSONValue?) -> String {
        guard let input, let value, value["inputs"]?.elements.contains(where: { $0.string == input }) == true else {
            return ""
        }
        run = value["id"]?.string
        return ""
    }

    private mutating func ended(_ value: JSONValue?) -> String {
        let reason = value?["reason"]?.string ?? ""
        if input != nil {
            guard value?["id"]?.string == run else { return "" }
            outcome = reason
        }
        guard reason != "completed" else { return newLine() }
        let why = value?["error"]?["message"]?.string.map { ": " + Terminal.harmless($0) } ?? ""
        return newLine() + "[\(reason)\(why)]\n"
    }

    private mutating func appended(_ event: JSONValue) -> String {
        let pieces = event["parts"]?.elements ?? event["part"].map { [$0] } ?? []
        return pieces.reduce(into: "") { text, piece in
            guard let id = piece["id"]?.string, lengths[id] != nil else { return }
            text += append(id, offset: Int(piece["offset"]?.integer ?? 0), piece["text"]?.textBytes ?? [])
        }
    }

    private mutating func start(_ id: String, _ part: JSONValue, of message: String?) -> String {
        lengths[id] = 0
        let speaker = message.flatMap { speakers[$0] } ?? ""
        let name = part["name"]?.string.map { " " + Terminal.harmless($0) } ?? ""
        switch part["kind"]?.string {
        case "text": heads[id] = speaker
        case "reasoning": heads[id] = speaker + "(thinking) "
        case let kind: heads[id] = speaker + "[\(kind ?? "part")\(name)] "
        }
        return ""
    }

    private mutating func append(_ id: String, offset: Int, _ bytes: [UInt8]) -> String {
        let length = lengths[id] ?? 0
        let new = bytes.dropFirst(max(0, length - offset))
        guard !new.isEmpty else { return "" }
        lengths[id] = max(length, offset + bytes.count)
        var text = ""
        if current != id {
            text = newLine() + (heads[id] ?? "")
            current = id
        }
        return text + Terminal.harmless(String(decoding: new, as: UTF8.self))
    }

    private mutating func end(_ id: String, _ part: JSONValue) -> String {
        guard lengths.removeValue(forKey: id) != nil else { return "" }
        heads[id] = nil
        let status = part["status"]?.string ?? "complete"
        return newLine() + (status == "complete" ? "" : "[\(status)]\n")
    }

    private mutating func newLine() -> String {
        defer { current = nil }
        return current == nil ? "" : "\n"
    }
}
