import ThroughlineCore

/// One choice of a chat completion while it comes in: a message and its parts.
struct ChatChoice: Sendable {
    /// Whether the chunk at hand has halves of characters that ``SurrogateJoiner`` has marked.
    var isMarked = false
    private(set) var isFinished = false

    private let prefix: String
    private var message: MessageID { MessageID(unchecked: prefix) }
    private var isStarted = false
    private var partCount = 0
    /// The part that text or reasoning goes to.
    private var prose: Piece?
    private var calls: [Call] = []

    /// A part that is open.
    private struct Piece: Sendable {
        let id: PartID
        let kind: PartKind
        var length = 0
        var joiner = SurrogateJoiner()
    }

    private struct Call: Sendable {
        let index: Int
        var id: String?
        var name: String?
        /// `nil` until the name is known, and after its end.
        var piece: Piece?
        var isEnded = false
    }

    init(prefix: String) { self.prefix = prefix }

    mutating func take(_ delta: JSONValue, into events: inout [AgentEvent]) {
        guard !isFinished else { return }
        start(into: &events)
        if let text = Self.text(delta["reasoning_content"]) ?? Self.text(delta["reasoning"]) {
            append(text, as: .reasoning, into: &events)
        }
        takeContent(delta["content"], into: &events)
        if let text = Self.text(delta["refusal"]) { append(text, as: .text, into: &events) }
        for (position, call) in (delta["tool_calls"]?.elements ?? []).enumerated() {
            take(call: call, function: call["function"], index: index(of: call, at: position), into: &events)
        }
        if let function = delta["function_call"], function.kind == .object {
            take(call: function, function: function, index: -1, into: &events)
        }
    }

    mutating func finish(into events: inout [AgentEvent]) {
        guard !isFinished else { return }
        start(into: &events)
        endProse(into: &events)
        endCalls(into: &events)
        events.append(.messageEnded(id: message))
        isFinished = true
    }

    private mutating func start(into events: inout [AgentEvent]) {
        guard !isStarted else { return }
        isStarted = true
        events.append(.messageStarted(id: message))
    }

    /// A string that says something.
    private static func text(_ value: JSONValue?) -> [UInt8]? {
        guard let text = value?.textBytes, !text.isEmpty else { return nil }
        return text
    }

    /// Content is a string, or an array of pieces with a type each.
    private mutating func takeContent(_ content: JSONValue?, into events: inout [AgentEvent]) {
        guard let content else { return }
        if let text = Self.text(content) { append(text, as: .text, into: &events) }
        for piece in content.elements {
            if let text = Self.text(piece["text"]) { append(text, as: .text, into: &events) }
            for thought in piece["thinking"]?.elements ?? [] {
                if let text = Self.text(thought["text"]) { append(text, as: .reasoning, into: &events) }
            }
        }
    }

    // MARK: Text and reasoning

    private mutating func append(_ text: [UInt8], as kind: PartKind, into events: inout [AgentEvent]) {
        if prose?.kind != kind { endProse(into: &events) }
        endCalls(into: &events)
        var piece = prose ?? open(PartHead(kind: kind), into: &events)
        Self.append(text, isMarked: isMarked, to: &piece, into: &events)
        prose = piece
    }

    private mutating func endProse(into events: inout [AgentEvent]) {
        guard let piece = prose else { return }
        prose = nil
        Self.end(piece, into: &events)
    }

    // MARK: Tool calls

    /// Some upstreams leave `index` out: then a new id is a new call, and a piece without one goes on with the last.
    private func index(of call: JSONValue, at position: Int) -> Int {
        if let index = call["index"]?.integer { return Int(truncatingIfNeeded: index) }
        guard let id = call["id"]?.string, !id.isEmpty else { return calls.last?.index ?? position }
        return calls.first { $0.id == id }?.index ?? (calls.map(\.index).max() ?? -1) &+ 1
    }

    private mutating func take(call value: JSONValue, function: JSONValue?, index: Int, into events: inout [AgentEvent])
    {
        endProse(into: &events)
        let place = calls.lastIndex { $0.index == index && !$0.isEnded } ?? calls.endIndex
        if place == calls.endIndex { calls.append(again(index)) }
        if let id = value["id"]?.string, !id.isEmpty { calls[place].id = id }
        if calls[place].piece == nil, let name = function?["name"]?.string, !name.isEmpty { calls[place].name = name }
        let arguments = Self.arguments(function?["arguments"])
        guard calls[place].name != nil || !arguments.isEmpty else { return }
        var piece =
            calls[place].piece
            ?? open(PartHead(kind: .toolCall, name: calls[place].name, call: calls[place].id), into: &events)
        Self.append(arguments, isMarked: isMarked, to: &piece, into: &events)
        calls[place].piece = piece
    }

    /// A call that goes on after its part has ended goes on in another part, under the same name.
    private func again(_ index: Int) -> Call {
        let before = calls.last { $0.index == index }
        return Call(index: index, id: before?.id, name: before?.name)
    }

    /// A string of JSON; from some upstreams the JSON itself.
    private static func arguments(_ value: JSONValue?) -> [UInt8] {
        guard let value, !value.isNull else { return [] }
        return value.textBytes ?? value.compact
    }

    private mutating func endCalls(into events: inout [AgentEvent]) {
        for index in calls.indices where !calls[index].isEnded {
            calls[index].isEnded = true
            guard let piece = calls[index].piece else { continue }
            calls[index].piece = nil
            Self.end(piece, into: &events)
        }
    }

    // MARK: Parts

    private mutating func open(_ head: PartHead, into events: inout [AgentEvent]) -> Piece {
        let piece = Piece(id: PartID(unchecked: prefix + ".p\(partCount)"), kind: head.kind)
        partCount += 1
        events.append(.partStarted(id: piece.id, message: message, head: head))
        return piece
    }

    private static func append(_ text: [UInt8], isMarked: Bool, to piece: inout Piece, into events: inout [AgentEvent])
    {
        let text = isMarked || piece.joiner.isWaiting ? piece.joiner.join(text) : text
        for slice in text.pieces(of: largestAppend) {
            events.append(.partAppended(id: piece.id, offset: piece.length, text: Array(slice)))
            piece.length += slice.count
        }
    }

    private static func end(_ piece: Piece, into events: inout [AgentEvent]) {
        var piece = piece
        append(piece.joiner.finish(), isMarked: false, to: &piece, into: &events)
        events.append(.partEnded(id: piece.id))
    }

    /// Far below the limit of one event, escapes included.
    private static let largestAppend = 64 << 10
}
