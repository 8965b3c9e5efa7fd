package import ThroughlineCore

/// Turns an OpenAI-compatible chat completion, in chunks or whole, into the events of one run.
///
/// Every choice is a message. Text, reasoning and tool calls are its parts; a part ends when another kind begins, and tool
/// calls stay open side by side until then. One translator serves one run.
package struct ChatChunkTranslator: Sendable {
    /// The run's usage as the upstream told it: a JSON object, compact.
    package private(set) var usage: [UInt8]?
    /// What an error chunk said.
    package private(set) var error: RunError?

    private let prefix: String
    private var choices: [Int: ChatChoice] = [:]
    private var isDone = false

    /// - Parameter prefix: Begins the ids of messages and parts; unique in the session, at most 100 bytes.
    package init(prefix: String) { self.prefix = prefix }

    /// Whether the upstream has said that this was all: `[DONE]`, or why every choice finished.
    package var isComplete: Bool { isDone || (!choices.isEmpty && choices.values.allSatisfy(\.isFinished)) }

    /// Whether `[DONE]` came: nothing follows it.
    package var sawDone: Bool { isDone }

    /// Takes the data of one frame. Data that is no chunk, and chunks that say nothing, make no events.
    package mutating func consume(_ data: [UInt8]) -> [AgentEvent] {
        if data.elementsEqual("[DONE]".utf8) {
            isDone = true
            return []
        }
        guard let (chunk, isMarked) = Self.parse(data) else { return [] }
        return translate(chunk, isMarked: isMarked)
    }

    /// Takes a whole answer, not streamed. False if it is none.
    package mutating func consume(body: [UInt8]) -> [AgentEvent]? {
        guard let (answer, isMarked) = Self.parse(body), answer["choices"]?.kind == .array || answer["error"] != nil
        else { return nil }
        let events = translate(answer, isMarked: isMarked)
        isDone = true
        return events
    }

    private static func parse(_ data: [UInt8]) -> (JSONValue, isMarked: Bool)? {
        do throws(JSONError) {
            return (try JSONDocument.parse(data), false)
        } catch {
            guard case .loneSurrogate = error, let value = try? JSONDocument.parse(SurrogateJoiner.mark(data)) else {
                return nil
            }
            return (value, true)
        }
    }

    private mutating func translate(_ chunk: JSONValue, isMarked: Bool) -> [AgentEvent] {
        if let value = chunk["usage"], value.kind == .object {
            let usage = value.compact
            if usage.count <= Self.maximumUsage { self.usage = usage }
        }
        if let value = chunk["error"], !value.isNull {
            error = Self.error(value)
            return []
        }
        var events: [AgentEvent] = []
        for (position, value) in (chunk["choices"]?.elements ?? []).enumerated() {
            translate(choice: value, at: position, isMarked: isMarked, into: &events)
        }
        return events
    }

    private mutating func translate(
        choice value: JSONValue, at position: Int, isMarked: Bool, into events: inout [AgentEvent]
    ) {
        let index = value["index"]?.integer.flatMap { Int(exactly: $0) } ?? position
        guard choices.count < Self.maximumChoices || choices[index] != nil else { return }
        var choice = choices[index] ?? ChatChoice(prefix: prefix + ".\(index)")
        choice.isMarked = isMarked
        if let delta = value["delta"] ?? value["message"] { choice.take(delta, into: &events) }
        if let reason = value["finish_reason"], !reason.isNull { choice.finish(into: &events) }
        choices[index] = choice
    }

    private static func error(_ value: JSONValue) -> RunError {
        let message = value["message"]?.string ?? value.string ?? "The upstream reported an error."
        let code = value["code"]?.string ?? value["type"]?.string ?? "upstream_failed"
        return RunError(code: String(code.prefix(64)), message: String(message.prefix(1_000)))
    }

    private static let maximumUsage = 4 << 10
    private static let maximumChoices = 64
}
