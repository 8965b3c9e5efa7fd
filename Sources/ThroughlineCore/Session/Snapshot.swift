/// Which messages a snapshot shows.
public struct SnapshotPage: Sendable {
    /// Only the newest so many.
    public var messages: Int?
    /// Only those before this one.
    public var before: MessageID?
    /// Without what is for a narrower audience than this.
    public var clearance: Audience

    public init(messages: Int? = nil, before: MessageID? = nil, clearance: Audience = .operators) {
        self.messages = messages
        self.before = before
        self.clearance = clearance
    }

    /// Whether all messages are shown.
    public var isWhole: Bool { messages == nil && before == nil && clearance == .operators }
}

extension SessionMachine {
    /// The state after the last event decided, as JSON.
    public func snapshot(_ page: SnapshotPage = SnapshotPage()) throws(Refusal) -> [UInt8] {
        let (shown, hasMore) = try select(page)
        // A long text is copied once, and not again each time that the buffer is too small.
        var writer = JSONWriter(capacity: page.messages == nil ? estimatedBytes / 8 * 9 : 4096)
        writer.object {
            $0.field("seq", tail.rawValue)
            $0.key("session")
            writeSession(to: &$0)
            $0.key("inputs")
            $0.array(inputs.items) { $1.write(to: &$0) }
            $0.key("queue")
            $0.array(queuedInputs) { $0.string($1.value) }
            writeBranches(to: &$0)
            $0.key("runs")
            $0.array(runs.items) { $1.write(to: &$0) }
            $0.key("messages")
            $0.array(shown) { $1.write(to: &$0) }
            if hasMore {
                $0.key("more")
                $0.boolean(true)
            }
            $0.key("requests")
            $0.array(requests.items) { $1.write(to: &$0) }
            $0.key("commands")
            $0.array(commands.items) { $1.write(to: &$0) }
            $0.key("baton")
            if let baton { baton.write(to: &$0) } else { $0.null() }
            $0.key("reads")
            $0.array(readMarks) { $1.write(to: &$0) }
        }
        return writer.bytes
    }

    private func select(_ page: SnapshotPage) throws(Refusal) -> (ArraySlice<Message>, hasMore: Bool) {
        let messages = messages(for: page.clearance)
        var end = messages.count
        if let before = page.before {
            guard let index = messages.firstIndex(where: { $0.id == before }) else {
                throw Refusal(.messageNotFound, "There is no message \(before).")
            }
            end = index
        }
        let start = page.messages.map { max(0, end - $0) } ?? 0
        return (messages[start..<end], start > 0)
    }

    /// The messages that an audience may see, without the parts that it may not.
    public func messages(for clearance: Audience) -> [Message] {
        guard !restricted.isEmpty, clearance < .operators else { return messages.items }
        return messages.items.filter { $0.audience <= clearance }.map { message in
            var message = message
            message.parts.removeAll { $0.head.audience > clearance }
            return message
        }
    }

    public func writeSession(to writer: inout JSONWriter) {
        writer.object {
            info.writeMembers(to: &$0)
            $0.field("created", created.rawValue)
            $0.field("updated", updated.rawValue)
        }
    }
}

extension Input {
    public func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("id", id.value)
            $0.field("seq", sequence.rawValue)
            $0.field("at", at.rawValue)
            $0.key("by")
            by.write(to: &$0)
            $0.field("agent", agent?.value)
            branch.writeMembers(to: &$0)
            $0.key("parts")
            $0.array(parts) { $1.write(to: &$0) }
            if followUp != .queue { $0.field("followUp", followUp.rawValue) }
            $0.field("state", state.rawValue)
            $0.field("run", run?.value)
            $0.field("command", command?.value)
            $0.field("reason", reason)
        }
    }
}

extension Run {
    public func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("id", id.value)
            $0.field("seq", sequence.rawValue)
            $0.field("at", at.rawValue)
            $0.field("agent", agent.value)
            $0.field("label", label)
            $0.field("parent", parent?.value)
            $0.key("inputs")
            $0.array(inputs) { $0.string($1.value) }
            $0.field("epoch", epoch)
            writeCapabilities(waitsForChildren, accepts, to: &$0)
            $0.field("budget", raw: budget?.json)
            if attempt > 1 { $0.field("attempt", attempt) }
            if attempts > 1 { $0.field("attempts", attempts) }
            $0.field("state", state.rawValue)
            $0.field("waiting", waiting)
            $0.field("progress", raw: progress)
            if let notBefore { $0.field("notBefore", notBefore.rawValue) }
            $0.field("usage", raw: usage)
            if let error {
                $0.key("error")
                error.write(to: &$0)
            }
            if let ended { $0.field("ended", ended.rawValue) }
            guard !steps.isEmpty else { return }
            $0.key("steps")
            $0.array(steps) { writer, step in
                writer.object {
                    $0.field("id", step.id.value)
                    $0.field("attempt", step.attempt)
                    $0.field("label", step.label)
                    $0.field("status", step.status.rawValue)
                }
            }
        }
    }
}

extension Message {
    public func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("id", id.value)
            $0.field("seq", sequence.rawValue)
            $0.field("at", at.rawValue)
            $0.key("by")
            by.write(to: &$0)
            $0.field("run", run?.value)
            $0.field("role", role.rawValue)
            $0.field("parent", parent?.value)
            $0.field("step", step?.value)
            audience.writeMember(to: &$0)
            $0.field("status", status.rawValue)
            if isSuperseded {
                $0.key("superseded")
                $0.boolean(true)
            }
            $0.key("parts")
            $0.array(parts) { writer, part in
                writer.object {
                    $0.field("id", part.id.value)
                    part.head.writeMembers(to: &$0)
                    $0.field("status", part.status.rawValue)
                    $0.key("text")
                    $0.string(part.text)
                }
            }
        }
    }
}

extension Command {
    /// - Parameter parts: What to say instead of its own.
    public func write(to writer: inout JSONWriter, parts: [InputPart]? = nil) {
        var order = order
        if let parts { order.parts = parts }
        writer.object {
            $0.field("id", id.value)
            $0.field("seq", sequence.rawValue)
            $0.field("at", at.rawValue)
            $0.key("by")
            by.write(to: &$0)
            order.writeMembers(to: &$0)
            $0.field("state", state.rawValue)
            $0.field("reason", reason)
            $0.field("run", run?.value)
            $0.field("input", input?.value)
            $0.field("outcome", outcome)
            if let expires { $0.field("expires", expires.rawValue) }
        }
    }
}
