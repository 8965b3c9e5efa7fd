/// Who does something: a person, an agent, an operator, an observer, or the server itself.
public struct Participant: Hashable, Sendable {
    public enum Role: String, Sendable, CaseIterable {
        case user, agent, `operator`, observer
        /// The server's own; refused from outside.
        case system
    }

    /// 1 to 128 bytes of UTF-8 without control characters.
    public var id: String
    public var role: Role
    public var device: String?
    /// The name of the key that the request came with.
    public var key: String?

    public init(id: String, role: Role, device: String? = nil, key: String? = nil) {
        self.id = id
        self.role = role
        self.device = device
        self.key = key
    }

    public static let anonymous = Participant(id: "anonymous", role: .user)
    public static let server = Participant(id: "server", role: .system)

    public static func agent(_ name: AgentName) -> Participant { Participant(id: name.value, role: .agent) }

    func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("id", id)
            $0.field("role", role.rawValue)
            $0.field("device", device)
            $0.field("key", key)
        }
    }

    init?(stored value: JSONValue?) {
        guard let value, let id = value["id"]?.string, let role = value["role"]?.string.flatMap(Role.init) else {
            return nil
        }
        self.init(id: id, role: role, device: value["device"]?.string, key: value["key"]?.string)
    }
}
