import ThroughlineCore

/// Tells a session's events as text, as they come.
struct LivePrinter {
    /// The state in which the run ended that was waited for.
    private(set) var outcome: String?

    private let input: String?
    private var run: String?
    private var lengths: [String: Int] = [:]
    private var heads: [String: String] = [:]
    /// The part that the cursor stands in.
    private var current: String?

    /// - Parameter input: Only what answers this one is told.
    init(onlyRunsOf input: String? = nil) { self.input = input }

    /// The text that a snapshot's newest messages hold.
    mutating func begin(with snapshot: JSONValue) -> String {
        var text = ""
        for message in snapshot["messages"]?.elements ?? [] {
            for part in message["parts"]?.elements ?? [] {
                guard let id = part["id"]?.string else { continue }
                text += start(id, part)
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
        case "part.started":
            guard let part = event["part"], let id = part["id"]?.string, isWanted(event) else { return "" }
            return start(id, part)
        case "part.appended": return appended(event)
        case "part.ended":
            guard let part = event["part"], let id = part["id"]?.string else { return "" }
            return end(id, part)
        default: return ""
        }
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

    private mutating func start(_ id: String, _ part: JSONValue) -> String {
        lengths[id] = 0
        let name = part["name"]?.string.map { " " + Terminal.harmless($0) } ?? ""
        switch part["kind"]?.string {
        case "text": heads[id] = ""
        case "reasoning": heads[id] = "(thinking) "
        case let kind: heads[id] = "[\(kind ?? "part")\(name)] "
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
