/// Who answers now: while an operator holds the baton, agents' output is fenced and inputs wait for the operator.
public struct Baton: Hashable, Sendable {
    /// The operator who holds it.
    public var by: Participant
    public var sequence: SequenceNumber
    public var at: Timestamp
    /// It goes back by itself when its holder has said nothing for so long.
    public var limitMilliseconds: Int64
}

/// What happened to the baton.
public enum BatonEvent: Hashable, Sendable {
    /// Also when its holder takes it again, which sets its time anew.
    case taken(limitMilliseconds: Int64, command: CommandID?)
    case returned(reason: Return, message: MessageID?, command: CommandID?)

    public enum Return: String, Sendable {
        case handedBack = "handed_back"
        /// Its holder said nothing for too long.
        case timedOut = "timed_out"
    }

    var type: StaticString {
        switch self {
        case .taken: "baton.taken"
        case .returned: "baton.returned"
        }
    }
}

extension BatonEvent {
    func writeMembers(to writer: inout JSONWriter) {
        writer.key("baton")
        writer.object {
            switch self {
            case .taken(let limit, let command):
                $0.field("limit", limit)
                $0.field("command", command?.value)
            case .returned(let reason, let message, let command):
                $0.field("reason", reason.rawValue)
                $0.field("message", message?.value)
                $0.field("command", command?.value)
            }
        }
    }

    init?(type: String, stored value: JSONValue) {
        guard let baton = value["baton"] else { return nil }
        switch type {
        case "baton.taken":
            guard let limit = baton["limit"]?.integer else { return nil }
            self = .taken(limitMilliseconds: limit, command: baton.id("command"))
        case "baton.returned":
            guard let reason = baton["reason"]?.string.flatMap(Return.init) else { return nil }
            self = .returned(reason: reason, message: baton.id("message"), command: baton.id("command"))
        default: return nil
        }
    }
}

extension Baton {
    public func write(to writer: inout JSONWriter) {
        writer.object {
            $0.key("by")
            by.write(to: &$0)
            $0.field("seq", sequence.rawValue)
            $0.field("at", at.rawValue)
            $0.field("limit", limitMilliseconds)
        }
    }
}

extension Baton: StateCodable {
    func write(to writer: inout StateWriter) {
        by.write(to: &writer)
        writer.number(sequence.rawValue)
        writer.time(at)
        writer.number(UInt64(bitPattern: limitMilliseconds))
    }

    init(from reader: inout StateReader) throws(StateError) {
        self.init(
            by: try Participant(from: &reader), sequence: try reader.sequence(), at: try reader.time(),
            limitMilliseconds: Int64(bitPattern: try reader.number()))
    }
}
