import ThroughlineCore
import ThroughlineTestKit

/// What agents ask people in the middle of their work.
extension Job {
    /// Plans a request, and now and then one that is opened anew with other arguments: answers to what it was are void then.
    mutating func ask(_ name: String, _ random: inout SeededRandom) {
        let id = AgentRequestID("\(run.value).\(epoch)-q\(name)")!
        let kind = random.pick(AgentRequest.Kind.allCases)
        let milliseconds = Int64(1_000 + random.below(3_000))
        var opening = AgentRequest.Opening(
            kind: kind, prompt: "\(session.marker) \(name)?", deadline: .init(milliseconds: 0))
        switch kind {
        case .approval: opening.arguments = Array("{\"delete\":\"\(session.marker) \(name)\"}".utf8)
        case .choice: opening.choices = [.init(id: "left"), .init(id: "right")]
        case .clientTool:
            opening.tool = "look"
            opening.schema = Array(#"{"type":"object","required":["found"]}"#.utf8)
        case .text: break
        }
        if random.chance(6) { opening.who = AgentRequest.Who(participants: ["p0"]) }
        if random.chance(2) { opening.fallback = Array(Self.fallback(of: kind).utf8) }
        writes.append([.requestOpened(RequestDraft(id: id, opening: opening, milliseconds: milliseconds))])
        if kind == .approval, random.chance(2) {
            opening.arguments = Array("{\"delete\":\"\(session.marker) \(name) and more\"}".utf8)
            writes.append([.requestOpened(RequestDraft(id: id, opening: opening, milliseconds: milliseconds))])
        }
        if random.chance(2) { awaited.insert(id.value) }
    }

    private static func fallback(of kind: AgentRequest.Kind) -> String {
        switch kind {
        case .approval: "false"
        case .choice: "\"left\""
        case .clientTool: "{\"found\":0}"
        case .text: "\"nothing\""
        }
    }

    /// The request that was sent last has no end that this agent has heard of.
    private var lastRequest: String? {
        guard sent > 0, sent <= writes.count, case .requestOpened(let draft)? = writes[sent - 1].first,
            awaited.contains(draft.id.value)
        else { return nil }
        return draft.id.value
    }

    var isWaitingForAnswer: Bool { lastRequest != nil }

    mutating func hear(ofRequest id: String) { awaited.remove(id) }

    mutating func waitNoMore() { if let lastRequest { awaited.remove(lastRequest) } }

    /// What it was writing was ended by somebody else: it writes no more, and ends its run.
    mutating func giveUp() {
        hasGivenUp = true
        lastBeforePause = nil
        writes.removeLast(max(0, writes.count - acknowledged))
        sent = writes.count
        end = .failed
    }
}
