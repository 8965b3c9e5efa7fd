package import ThroughlineCore

/// A session's conversation as a model gets to read it: the newest of it, within bounds.
package struct Prompt: Hashable, Sendable {
    package struct Line: Hashable, Sendable {
        package var role: String
        package var text: String

        package init(role: String, text: String) {
            self.role = role
            self.text = text
        }
    }

    package private(set) var lines: [Line]

    /// - Parameters:
    ///   - said: In order.
    ///   - answering: Stand last, whatever came in meanwhile.
    ///   - maximumBytes: Of the texts together. The input and what the session's instructions say are always there.
    package init(
        _ said: [SessionMachine.Said], answering: [Input], maximumLines: Int = 200, maximumBytes: Int = 192 << 10
    ) {
        let asked = Set(answering.map(\.id))
        let before = said.compactMap { piece -> Line? in
            switch piece {
            case .input(let input):
                asked.contains(input.id) || !Self.wasHeard(input)
                    ? nil : Line(role: "user", text: input.parts.textForModels)
            case .steer(let command): Line(role: "user", text: command.order.parts.textForModels)
            case .message(let message): Self.line(of: message)
            }
        }
        let instructions = before.prefix { $0.role == "system" }
        var room = maximumBytes
        let newest = before.dropFirst(instructions.count).suffix(maximumLines).reversed().prefix { line in
            room -= line.text.utf8.count
            return room >= 0
        }
        lines = instructions + newest.reversed()
        lines += answering.map { Line(role: "user", text: $0.parts.textForModels) }
    }

    /// The body of the upstream's request.
    package func request(model: String) -> [UInt8] {
        JSONWriter.object {
            $0.field("model", model)
            $0.key("messages")
            $0.array(lines) { writer, line in
                writer.object {
                    $0.field("role", line.role)
                    $0.field("content", line.text)
                }
            }
            $0.key("stream")
            $0.boolean(true)
            $0.key("stream_options")
            $0.object {
                $0.key("include_usage")
                $0.boolean(true)
            }
        }
    }

    private static func wasHeard(_ input: Input) -> Bool {
        switch input.state {
        case .answered, .unanswered, .cancelled: true
        case .queued, .steering, .claimed, .withdrawn: false
        }
    }

    private static func line(of message: Message) -> Line? {
        guard message.role != .tool else { return nil }
        let texts = message.parts.filter { $0.head.kind == .text }.map { String(decoding: $0.text, as: UTF8.self) }
        let text = texts.joined(separator: "\n\n")
        return text.isEmpty ? nil : Line(role: message.roleForModels.rawValue, text: message.textForModels(text))
    }
}
