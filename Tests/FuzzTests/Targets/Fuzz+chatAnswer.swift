import ThroughlineCore

@testable import ThroughlineServer

extension FuzzTarget {
    /// An upstream's stream of chunks, or its one body: whatever it says, the events are a story that a session takes.
    static let chatAnswer = FuzzTarget("chat-answer") { bytes in
        var input = FuzzInput(bytes)
        let isStream = input.byte() % 8 > 0
        var translator = ChatChunkTranslator(prefix: "r")
        var story = Story()
        if isStream {
            for chunk in input.remainder().split(separator: UInt8(ascii: "\n")) {
                for event in translator.consume(Array(chunk)) { try story.take(event) }
            }
        } else {
            for event in translator.consume(body: input.remainder()) ?? [] { try story.take(event) }
        }
        if translator.isComplete, !translator.sawDone {
            try require(story.openMessages.isEmpty, "complete with an open message")
        }
        if let usage = translator.usage { _ = try JSONDocument.parse(usage) }
    }
}

/// The rules of a session for what one run writes.
private struct Story {
    private(set) var openMessages: Set<MessageID> = []
    private var messages: Set<MessageID> = []
    private var parts: [PartID: (message: MessageID, length: Int, isOpen: Bool)] = [:]

    mutating func take(_ event: AgentEvent) throws {
        switch event {
        case .messageStarted(let id, _, _, _, _):
            try require(MessageID(id.value) != nil && messages.insert(id).inserted, "message \(id) starts twice")
            openMessages.insert(id)
        case .messageEnded(let id, _):
            try require(openMessages.remove(id) != nil, "message \(id) ends, but is not open")
            try require(
                !parts.values.contains { $0.message == id && $0.isOpen }, "message \(id) ends with an open part")
        case .partStarted(let id, let message, let head):
            try require(PartID(id.value) != nil && parts[id] == nil, "part \(id) starts twice")
            try require(openMessages.contains(message), "part \(id) of a message that is not open")
            try check(head)
            parts[id] = (message, 0, true)
        case .partAppended(let id, let offset, let text):
            guard let part = parts[id], part.isOpen, part.length == offset else {
                throw Violation(description: "an append at \(offset) of part \(id)")
            }
            try require(!text.isEmpty && text.count <= 64 << 10, "an append of \(text.count) bytes")
            try require(text.withUnsafeBytes { UTF8Check.isValid($0) }, "a text that is no UTF-8")
            parts[id]?.length += text.count
        case .partEnded(let id, _):
            try require(parts[id]?.isOpen == true, "part \(id) ends, but is not open")
            parts[id]?.isOpen = false
        case .requestOpened, .requestWithdrawn, .stepStarted, .stepEnded, .runUpdated, .runWaiting, .runResumed,
            .commandApplied, .commandDeferred:
            throw Violation(description: "an event that no upstream can make")
        }
    }

    private func check(_ head: PartHead) throws {
        let limit = SessionLimits().attribute
        for text in [head.name, head.call] {
            try require(text.map { $0.utf8.count <= limit } ?? true, "an attribute is too long")
        }
    }
}
