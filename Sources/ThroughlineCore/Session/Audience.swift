/// Who is shown a message or a part.
public enum Audience: String, Sendable, CaseIterable, Comparable {
    case everyone
    /// Agents and operators.
    case agents
    case operators

    /// 0 for everyone, and more the fewer see it.
    package var rank: UInt8 {
        switch self {
        case .everyone: 0
        case .agents: 1
        case .operators: 2
        }
    }

    package init(rank: UInt8) { self = rank == 0 ? .everyone : rank == 1 ? .agents : .operators }

    public static func < (one: Audience, other: Audience) -> Bool { one.rank < other.rank }
}

extension Participant {
    /// The narrowest audience that this participant is in.
    public var clearance: Audience {
        switch role {
        case .user, .observer: .everyone
        case .agent: .agents
        case .operator, .system: .operators
        }
    }
}

/// The messages and parts of a session that are not for everyone.
///
/// An audience is fixed when its message or part starts: so the set after any event serves for all events before it.
public struct RestrictedPieces: Sendable {
    private(set) var messages: [MessageID: Audience] = [:]
    private(set) var parts: [PartID: Audience] = [:]

    public var isEmpty: Bool { messages.isEmpty && parts.isEmpty }

    /// What a reader may not see.
    public func hides(message: MessageID, from clearance: Audience) -> Bool {
        (messages[message] ?? .everyone) > clearance
    }

    public func hides(part: PartID, from clearance: Audience) -> Bool { (parts[part] ?? .everyone) > clearance }

    mutating func set(_ audience: Audience, of message: MessageID) {
        if audience != .everyone { messages[message] = audience }
    }

    /// - Returns: The part's audience, which is not wider than its message's.
    mutating func set(_ audience: Audience, of part: PartID, in message: MessageID) {
        let narrower = max(audience, messages[message] ?? .everyone)
        if narrower != .everyone { parts[part] = narrower }
    }

    mutating func remove(message: MessageID) { messages[message] = nil }
    mutating func remove(part: PartID) { parts[part] = nil }
}

extension Delivery {
    /// What a reader of this clearance gets: events about what is not for it are `withheld`, consecutive ones together, so that
    /// its sequence stays dense.
    ///
    /// - Parameter events: Not merged yet.
    public static func withholding(
        _ events: [Delivery], by restricted: RestrictedPieces, from clearance: Audience
    ) -> [Delivery] {
        guard clearance < .operators, !restricted.isEmpty else { return events }
        var shown: [Delivery] = []
        var hidden: (first: SequenceNumber, last: SequenceNumber)?
        for event in events {
            if restricted.hides(event, from: clearance) {
                hidden = (hidden?.first ?? event.sequence, event.sequence)
                continue
            }
            if let range = hidden { shown.append(withheld(range.first, range.last)) }
            hidden = nil
            shown.append(event)
        }
        if let range = hidden { shown.append(withheld(range.first, range.last)) }
        return shown
    }

    private static func withheld(_ first: SequenceNumber, _ last: SequenceNumber) -> Delivery {
        Delivery(
            sequence: last,
            bytes: JSONWriter.object {
                $0.field("type", "withheld")
                $0.field("from", first.rawValue)
                $0.field("seq", last.rawValue)
            })
    }
}

extension RestrictedPieces {
    fileprivate func hides(_ event: Delivery, from clearance: Audience) -> Bool {
        if let view = AppendView(event.bytes) {
            return hides(
                part: PartID(unchecked: String(decoding: event.bytes[view.part], as: UTF8.self)), from: clearance)
        }
        guard let value = try? JSONDocument.parse(event.bytes) else { return true }
        if let part: PartID = value["part"]?.id("id") { return hides(part: part, from: clearance) }
        if let message: MessageID = value["message"]?.id("id") { return hides(message: message, from: clearance) }
        return false
    }
}
