package import ThroughlineCore

/// A request for a chat completion, as far as a session needs to know it. The upstream gets the caller's own bytes.
///
/// The conversation is cut in two: what follows the last message of the assistant is what the caller says now, and becomes
/// the session's input. What is before, and instructions at the very start, are what went before: they seed an empty session.
package struct ChatRequest: Sendable {
    package let model: String
    package let isStreaming: Bool
    package let seeds: [Exchange.Seed]
    /// What the caller says now.
    package let parts: [InputPart]

    /// - Parameter mint: Makes an id that is new, with a prefix.
    package init(parsing body: [UInt8], limits: SessionLimits = SessionLimits(), mint: (String) -> String)
        throws(Refusal)
    {
        let value: JSONValue
        do { value = try JSONDocument.parse(body) } catch { throw Refusal(error) }
        guard let messages = value["messages"], messages.kind == .array else {
            throw Refusal(.fieldMissing, "Send `messages`, an array.")
        }
        model = value["model"]?.string ?? ""
        isStreaming = value["stream"]?.boolean ?? false
        let parsed = try messages.elements.map { (message) throws(Refusal) in try ChatMessage(message) }
        let history = Self.lengthOfHistory(parsed)
        seeds = parsed[..<history].map { $0.seed(limits: limits, mint: mint) }
        parts = try Self.input(parsed[history...], limits: limits)
    }

    /// How many of the messages went before.
    private static func lengthOfHistory(_ messages: [ChatMessage]) -> Int {
        if let last = messages.lastIndex(where: { $0.role == .assistant }) { return last + 1 }
        return messages.firstIndex { $0.role != .system } ?? messages.endIndex
    }

    private static func input(_ messages: ArraySlice<ChatMessage>, limits: SessionLimits) throws(Refusal) -> [InputPart]
    {
        var parts = messages.flatMap(\.inputParts)
        if parts.count > limits.inputParts { parts = joined(parts) }
        guard !parts.isEmpty else {
            throw Refusal(
                .fieldInvalid, "The last of `messages` has to be what a user or a tool says: a session needs an input.")
        }
        guard parts.count <= limits.inputParts, parts.reduce(0, { $0 + $1.text.count }) <= limits.inputText else {
            throw Refusal(
                .tooLarge,
                "What follows the last answer is over \(limits.inputParts) parts or \(limits.inputText) bytes.")
        }
        return parts
    }

    /// Texts that stand side by side as one.
    private static func joined(_ parts: [InputPart]) -> [InputPart] {
        var joined: [InputPart] = []
        for part in parts {
            if part.head.kind == .text, let last = joined.last, last.head.kind == .text {
                joined[joined.count - 1].text += Array("\n\n".utf8) + part.text
            } else {
                joined.append(part)
            }
        }
        return joined
    }
}

extension AgentName {
    /// The nearest legal name: `org/model 7b` is `org-model-7b`.
    package init(model: String) {
        let legal = model.unicodeScalars.prefix(128).map { scalar in
            AgentName(String(scalar)) == nil ? "-" : Character(scalar)
        }
        self.init(unchecked: legal.isEmpty ? "model" : String(legal))
    }
}
