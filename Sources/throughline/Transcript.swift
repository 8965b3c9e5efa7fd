import ThroughlineCore

/// A session's conversation, from its snapshot: what is followed of it, in the order in which it was said. What waits is no part of it.
struct Transcript {
    private struct Entry {
        let sequence: Int64
        let speaker: String
        let parts: [JSONValue]
        let state: String?
    }

    private let title: String
    private let id: String
    private let entries: [Entry]

    init(_ snapshot: JSONValue) {
        id = snapshot["session"]?["id"]?.string ?? ""
        title = snapshot["session"]?["title"]?.string ?? ""
        let branch = FollowedBranch(snapshot)
        let said = (snapshot["inputs"]?.elements ?? []).filter {
            $0["state"]?.string != "queued" && branch.has(input: $0["id"]?.string ?? "")
        }
        let inputs = said.map { Self.entry($0, fallback: "user", state: $0["state"]) }
        let standing = (snapshot["messages"]?.elements ?? []).filter {
            $0["superseded"]?.boolean != true && branch.has(run: $0["run"]?.string ?? "")
        }
        let messages = standing.map {
            Self.entry($0, fallback: $0["role"]?.string ?? "assistant", state: $0["status"])
        }
        entries = (inputs + messages).sorted { $0.sequence < $1.sequence }
    }

    private static func entry(_ value: JSONValue, fallback: String, state: JSONValue?) -> Entry {
        let isSeed = value["by"]?["role"]?.string == "system"
        let speaker = isSeed ? fallback : value["by"]?["id"]?.string ?? fallback
        let state = state?.string.flatMap { ["answered", "complete"].contains($0) ? nil : $0 }
        return Entry(
            sequence: value["seq"]?.integer ?? 0, speaker: speaker, parts: value["parts"]?.elements ?? [], state: state)
    }

    /// For a terminal.
    var text: String {
        let heading = title.isEmpty ? id : "\(id): \(title)"
        return
            ([heading]
            + entries.map { entry in
                let state = entry.state.map { " [\($0)]" } ?? ""
                let parts = entry.parts.map { Self.label($0) + ($0["text"]?.string ?? "") }
                return "\n\(entry.speaker)\(state)\n" + parts.joined(separator: "\n")
            }).joined(separator: "\n")
    }

    /// Reasoning and tools are quoted, what was said stands as it is.
    var markdown: String {
        (["# " + (title.isEmpty ? id : title)]
            + entries.map { entry in
                let state = entry.state.map { " (\($0))" } ?? ""
                return "## \(entry.speaker)\(state)\n\n" + entry.parts.map(Self.markdown).joined(separator: "\n\n")
            }).joined(separator: "\n\n")
    }

    private static func markdown(_ part: JSONValue) -> String {
        let text = part["text"]?.string ?? ""
        guard part["kind"]?.string != "text" else { return text }
        return (label(part) + text).split(separator: "\n", omittingEmptySubsequences: false).map { "> " + $0 }
            .joined(separator: "\n")
    }

    private static func label(_ part: JSONValue) -> String {
        switch part["kind"]?.string {
        case "text": ""
        case "reasoning": "(thinking) "
        case let kind:
            "[\(kind ?? "part")" + ((part["name"] ?? part["title"] ?? part["url"])?.string.map { " " + $0 } ?? "")
                + "] "
        }
    }
}
