/// Which conversation a model is to read, and how much of it.
public struct ContextQuery: Hashable, Sendable {
    /// The last input of the branch. `nil`: the one that is being answered, else the last of what the conversation follows.
    public var branch: InputID?
    /// What it may come to, as ``ConversationContext/estimate(_:)`` counts.
    public var tokens: Int

    public init(branch: InputID? = nil, tokens: Int = ContextQuery.defaultTokens) {
        self.branch = branch
        self.tokens = tokens
    }

    public static let defaultTokens = 128_000
}

/// A branch of a session's conversation as a model gets to read it.
///
/// What was superseded or is not for agents is left out, and every call of a tool has a result, since models refuse a call without
/// one. Where it is too long the oldest goes first; instructions at the start and the last input always stay.
public struct ConversationContext: Sendable {
    struct Call: Hashable, Sendable {
        var id: String
        var name: String
        var arguments: String
        var result: String
    }

    /// What stays together: a message, with the results of its calls.
    struct Unit: Hashable, Sendable {
        var role: String
        var text: String
        var calls: [Call] = []

        /// How many messages it is on the wire.
        var messages: Int { 1 + calls.count }

        var tokens: Int {
            calls.reduce(ConversationContext.estimate(text.utf8.count)) { sum, call in
                let bytes = call.id.utf8.count * 2 + call.name.utf8.count + call.arguments.utf8.count
                return sum + ConversationContext.estimate(bytes) + ConversationContext.estimate(call.result.utf8.count)
            }
        }
    }

    private(set) var units: [Unit]
    /// What it comes to.
    public private(set) var tokens: Int
    /// How many messages were too much.
    public private(set) var dropped: Int

    /// About how many tokens a message of so many bytes is: four bytes each, and four for what stands around it.
    public static func estimate(_ bytes: Int) -> Int { (bytes + 3) / 4 + 4 }

    /// The result of a call that never got one.
    static let missingResult = #"{"error":"The call was interrupted and has no result."}"#

    /// - Parameter last: Never dropped: the place of the last input.
    init(_ units: [Unit], last: Int?, budget: Int) {
        let instructions = units.prefix { $0.role == "system" }.count
        tokens = units.reduce(0) { $0 + $1.tokens }
        dropped = 0
        var kept: [Unit] = []
        for (place, unit) in units.enumerated() {
            if place >= instructions, place != last, tokens > budget {
                tokens -= unit.tokens
                dropped += unit.messages
            } else {
                kept.append(unit)
            }
        }
        self.units = kept
    }

    /// As `POST /v1/chat/completions` takes it.
    public func writeMessages(to writer: inout JSONWriter) {
        writer.key("messages")
        writer.array(units.flatMap(\.lines)) { writer, line in writer.raw(line) }
    }
}

extension ConversationContext.Unit {
    /// Each message as JSON.
    fileprivate var lines: [[UInt8]] {
        let own = JSONWriter.object {
            $0.field("role", role)
            $0.key("content")
            if text.isEmpty, !calls.isEmpty { $0.null() } else { $0.string(text) }
            guard !calls.isEmpty else { return }
            $0.key("tool_calls")
            $0.array(calls) { writer, call in
                writer.object {
                    $0.field("id", call.id)
                    $0.field("type", "function")
                    $0.key("function")
                    $0.object {
                        $0.field("name", call.name)
                        $0.field("arguments", call.arguments)
                    }
                }
            }
        }
        return [own]
            + calls.map { call in
                JSONWriter.object {
                    $0.field("role", "tool")
                    $0.field("tool_call_id", call.id)
                    $0.field("content", call.result)
                }
            }
    }
}
