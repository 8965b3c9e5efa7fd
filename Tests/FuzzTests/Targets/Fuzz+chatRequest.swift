import ThroughlineCore

@testable import ThroughlineServer

extension FuzzTarget {
    /// Requests for chat completions: an input and seeds within the limits, or a refusal.
    static let chatRequest = FuzzTarget("chat-request") { bytes in
        let limits = SessionLimits()
        var count = 0
        let mint = { (prefix: String) in
            count += 1
            return prefix + "\(count)"
        }
        let body = Array(bytes)
        let parsed = try refusable { () throws(Refusal) in try ChatRequest(parsing: body, limits: limits, mint: mint) }
        guard let chat = parsed else { return }
        try require(AgentName(AgentName(model: chat.model).value) != nil, "the model's name is no name of an agent")
        try require((1...limits.inputParts).contains(chat.parts.count), "\(chat.parts.count) parts")
        try require(chat.parts.reduce(0) { $0 + $1.text.count } <= limits.inputText, "too much text")
        for part in chat.parts { try check(part.head, part.text) }
        for seed in chat.seeds {
            try require(seed.parts.count <= limits.partsPerMessage, "too many parts of a seed")
            for part in seed.parts { try check(part.head, part.text) }
        }
        let ids = chat.seeds.flatMap { [$0.message.value] + $0.parts.map(\.id.value) }
        try require(Set(ids).count == ids.count, "an id stands twice")
    }

    private static func check(_ head: PartHead, _ text: [UInt8]) throws {
        try require(text.withUnsafeBytes { UTF8Check.isValid($0) }, "a text that is no UTF-8")
        for attribute in [head.name, head.call, head.mediaType, head.title] {
            try require(
                attribute.map { $0.utf8.count <= SessionLimits().attribute } ?? true, "an attribute is too long")
        }
    }
}
