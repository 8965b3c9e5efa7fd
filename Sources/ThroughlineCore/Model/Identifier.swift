/// The name of a thing, minted by a client or by the server: `[A-Za-z0-9._:-]{1,128}`.
///
/// The tag keeps the names of different things apart: a ``RunID`` is no ``SessionID``.
public struct Identifier<Tag>: Hashable, Sendable, CustomStringConvertible {
    public let value: String

    /// `nil` where the text is not a legal identifier.
    public init?(_ value: String) {
        guard Self.isLegal(value) else { return nil }
        self.value = value
    }

    /// For names that are legal by construction.
    public init(unchecked value: String) { self.value = value }

    public var description: String { value }

    private static func isLegal(_ value: String) -> Bool {
        let bytes = value.utf8
        guard (1...128).contains(bytes.count) else { return false }
        return bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: ":"),
                UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }
}

public enum SessionTag: Sendable {}
public enum InputTag: Sendable {}
public enum RunTag: Sendable {}
public enum MessageTag: Sendable {}
public enum PartTag: Sendable {}
public enum StepTag: Sendable {}
public enum CommandTag: Sendable {}
public enum WorkTag: Sendable {}
public enum AgentTag: Sendable {}
public enum AgentRequestTag: Sendable {}
public enum ReplyTag: Sendable {}

public typealias SessionID = Identifier<SessionTag>
public typealias InputID = Identifier<InputTag>
public typealias RunID = Identifier<RunTag>
public typealias MessageID = Identifier<MessageTag>
public typealias PartID = Identifier<PartTag>
/// Names a step of a run; two runs may have steps of one name.
public typealias StepID = Identifier<StepTag>
public typealias CommandID = Identifier<CommandTag>
public typealias AgentRequestID = Identifier<AgentRequestTag>
/// Names an answer to a request, so that a retry of it is known.
public typealias ReplyID = Identifier<ReplyTag>
/// Names a request for work, so that a retry of it gets the same run.
public typealias WorkID = Identifier<WorkTag>
/// The name under which an agent takes work.
public typealias AgentName = Identifier<AgentTag>

extension StreamID {
    /// The stream that holds a session's events.
    public init(_ session: SessionID) { self.init("sessions/" + session.value) }

    /// The session whose stream this is.
    public var session: SessionID? {
        rawValue.hasPrefix("sessions/") ? SessionID(String(rawValue.dropFirst("sessions/".count))) : nil
    }
}
