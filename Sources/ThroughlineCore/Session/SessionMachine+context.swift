extension SessionMachine {
    /// A branch as a model gets to read it.
    ///
    /// - Parameter clearance: Of who asks. What is for operators only is for no model.
    public func context(
        _ query: ContextQuery, for clearance: Audience = .agents
    ) throws(Refusal) -> ConversationContext {
        if let branch = query.branch, inputs[branch] == nil {
            throw Refusal(.inputNotFound, "The session has no input \(branch).")
        }
        let leaf = query.branch ?? answeredLeaf
        let messages = messages(for: min(clearance, .agents)).filter { !$0.isSuperseded }
        let said = conversation(upTo: leaf, messages)
        let results = Self.callResults(in: messages)
        var units: [ConversationContext.Unit] = []
        var last: Int?
        for piece in said {
            switch piece {
            case .input(let input):
                if input.id == leaf { last = units.count }
                units.append(.init(role: "user", text: input.parts.textForModels))
            case .steer(let command):
                units.append(.init(role: "user", text: command.order.parts.textForModels))
            case .message(let message):
                units += Self.units(of: message, results: message.run.flatMap { results[$0] } ?? [:])
            }
        }
        return ConversationContext(units, last: last, budget: query.tokens)
    }

    /// What a conversation is made of.
    public enum Said: Sendable {
        case input(Input)
        /// A command whose words the agent took in.
        case steer(Command)
        case message(Message)
    }

    /// The inputs of a branch, each with what was said in answer to it, in order; what a run took in while it was at work stands
    /// where it came. What nobody has taken, but for the last input, what
    /// was superseded and what sub-runs say are left out.
    public func conversation(upTo leaf: InputID?, for clearance: Audience = .agents) -> [Said] {
        conversation(upTo: leaf, messages(for: clearance).filter { !$0.isSuperseded })
    }

    private func conversation(upTo leaf: InputID?, _ messages: [Message]) -> [Said] {
        let heard = leaf.map { heardInputs(upTo: $0) } ?? []
        let followed = Set(heard.map(\.id))
        var placed: [(place: (UInt64, UInt64, UInt64), said: Said)] = heard.map { input in
            // What nobody has taken comes last; what an operator answered stands where it came.
            let waits = input.state == .queued ? UInt64.max : input.sequence.rawValue
            let begun = input.run.flatMap { runs[$0]?.sequence }?.rawValue ?? waits
            let isSteer = input.sequence.rawValue > begun
            return ((begun, isSteer ? 1 : 0, input.sequence.rawValue), .input(input))
        }
        for command in commands.items where command.isSteerTakenIn {
            guard let run = command.run.flatMap({ runs[$0] }), isHeard(run, followed: followed) else { continue }
            placed.append(((run.sequence.rawValue, 1, command.sequence.rawValue), .steer(command)))
        }
        for message in messages {
            guard let place = place(of: message, followed: followed) else { continue }
            placed.append((place, .message(message)))
        }
        return placed.sorted { $0.place < $1.place }.map(\.said)
    }

    /// The inputs of a branch that an agent got to read, with its last; and what their runs took in beside them, also after that.
    private func heardInputs(upTo leaf: InputID) -> [Input] {
        var heard = lineage(of: leaf).filter { $0.id == leaf || $0.state.wasHeard }
        var known = Set(heard.map(\.id))
        for run in heard.compactMap({ $0.run.flatMap { runs[$0] } }) {
            for id in run.inputs where known.insert(id).inserted {
                if let input = inputs[id] { heard.append(input) }
            }
        }
        return heard
    }

    /// `nil` where the message does not belong to the branch.
    private func place(of message: Message, followed: Set<InputID>) -> (UInt64, UInt64, UInt64)? {
        guard let run = message.run.flatMap({ runs[$0] }) else {
            return (message.sequence.rawValue, 1, message.sequence.rawValue)
        }
        guard isHeard(run, followed: followed) else { return nil }
        return (run.sequence.rawValue, 1, message.sequence.rawValue)
    }

    /// Whether what a run says belongs to the branch.
    private func isHeard(_ run: Run, followed: Set<InputID>) -> Bool {
        run.parent == nil && (run.inputs.isEmpty || run.inputs.contains(where: followed.contains))
    }

    /// The last input of what the conversation follows that was taken, else the last that waits.
    private var answeredLeaf: InputID? {
        let path = selectedLeaf.map { lineage(of: $0) } ?? []
        return (path.last { $0.state.wasHeard } ?? path.last { $0.state == .queued })?.id
    }

    /// The results of each run's calls by the calls' ids.
    private static func callResults(in messages: [Message]) -> [RunID: [String: String]] {
        var results: [RunID: [String: String]] = [:]
        for message in messages {
            guard let run = message.run else { continue }
            for part in message.parts where part.head.kind == .toolResult {
                guard let call = part.head.call, results[run]?[call] == nil else { continue }
                results[run, default: [:]][call] = String(decoding: part.text, as: UTF8.self)
            }
        }
        return results
    }

    private static func units(of message: Message, results: [String: String]) -> [ConversationContext.Unit] {
        var units: [ConversationContext.Unit] = []
        var texts: [String] = []
        var calls: [ConversationContext.Call] = []
        let role = message.roleForModels.rawValue
        func close() {
            let text = texts.joined(separator: "\n\n")
            if !text.isEmpty || !calls.isEmpty {
                units.append(.init(role: role, text: message.textForModels(text), calls: calls))
            }
            texts = []
            calls = []
        }
        guard message.role != .tool else { return [] }
        for part in message.parts {
            switch part.head.kind {
            case .toolCall: calls.append(call(part, results))
            case .reasoning, .toolResult: continue
            case .text, .data, .file, .source:
                if !calls.isEmpty { close() }
                let text = part.head.textForModels(part.text)
                if !text.isEmpty { texts.append(text) }
            }
        }
        close()
        return units
    }

    /// A model refuses arguments that are cut off: then the call is shown with none.
    private static func call(_ part: Part, _ results: [String: String]) -> ConversationContext.Call {
        let id = part.head.call ?? part.id.value
        let isWhole = (try? JSONDocument.parse(part.text)) != nil
        return .init(
            id: id, name: part.head.name ?? "tool",
            arguments: isWhole ? String(decoding: part.text, as: UTF8.self) : "{}",
            result: results[id] ?? ConversationContext.missingResult)
    }
}

extension [InputPart] {
    /// What a model gets to read of them.
    public var textForModels: String {
        map { $0.head.textForModels($0.text) }.filter { !$0.isEmpty }.joined(separator: "\n\n")
    }
}

extension PartHead {
    /// What is no text is named.
    fileprivate func textForModels(_ text: [UInt8]) -> String {
        guard text.isEmpty else { return String(decoding: text, as: UTF8.self) }
        let name = title ?? url ?? self.name
        return name.map { "[\(kind.rawValue): \($0)]" } ?? ""
    }
}

extension Message {
    /// As whom a model hears it: an operator who answers in its place is itself, and one who speaks to agents instructs it.
    public var roleForModels: MessageRole {
        guard role == .operator else { return role }
        return audience == .everyone ? .assistant : .system
    }

    /// What a model gets to read of it: what an operator says to agents names whose words they are.
    public func textForModels(_ text: String) -> String {
        guard role == .operator, audience != .everyone, !text.isEmpty else { return text }
        return "The operator \(by.id), to you and not to the user:\n\n\(text)"
    }
}

extension Command {
    /// Whether an agent has taken in what it says, and it is no input.
    fileprivate var isSteerTakenIn: Bool { state == .applied && input == nil && !order.parts.isEmpty }
}

extension Input.State {
    /// Whether some agent got to read it.
    fileprivate var wasHeard: Bool {
        switch self {
        case .claimed, .answered, .unanswered, .cancelled: true
        case .queued, .steering, .withdrawn: false
        }
    }
}
