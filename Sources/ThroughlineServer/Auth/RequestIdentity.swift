import ThroughlineCore

/// Who makes a request: what the client states, with the name of the key it came with.
public enum RequestIdentity {
    /// The name of the key that the current request was let in with.
    @TaskLocal static var keyName: String?

    /// Reads `ada; role=user; device=d1`. Absent, it is an anonymous user.
    static func parse(_ text: String?, key: String?) throws(Refusal) -> Participant {
        guard let text else { return Participant(id: "anonymous", role: .user, key: key) }
        let pieces = text.cut(at: ";").map { $0.trimmingSpaces() }
        var fields: [String: String] = [:]
        for piece in pieces.dropFirst() {
            let pair = piece.cut(at: "=", maxSplits: 1).map { $0.trimmingSpaces() }
            guard pair.count == 2, !pair[0].isEmpty else { throw invalid }
            fields[pair[0]] = pair[1]
        }
        return try make(id: pieces[0], role: fields["role"], device: fields["device"], key: key)
    }

    /// Reads `{"id", "role", "device"}`.
    static func parse(_ value: JSONValue, key: String?) throws(Refusal) -> Participant {
        guard value.kind == .object, let id = value["id"]?.string else { throw invalid }
        return try make(id: id, role: value["role"]?.string, device: value["device"]?.string, key: key)
    }

    private static func make(id: String, role: String?, device: String?, key: String?) throws(Refusal) -> Participant {
        guard isLegal(id), device.map(isLegal) ?? true else { throw invalid }
        guard let role = Participant.Role(rawValue: role ?? "user") else {
            throw Refusal(.headerInvalid, "The role is user, agent, operator or observer.")
        }
        guard role != .system else { throw Refusal(.roleRefused, "The role system is the server's own.") }
        return Participant(id: id, role: role, device: device, key: key)
    }

    private static func isLegal(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count) && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
    }

    private static var invalid: Refusal {
        Refusal(.headerInvalid, "A participant is written as: ada; role=user; device=d1")
    }
}

extension StringProtocol {
    func trimmingSpaces() -> String {
        let bytes = Substring(self).utf8
        if bytes.first != 0x20, bytes.last != 0x20 { return String(self) }
        var text = Substring(self).unicodeScalars
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return String(Substring(text))
    }

    /// The pieces between separators, empty ones too.
    ///
    /// By scalars: what stands next to a separator may make one `Character` with it, which would hide it.
    func cut(at separator: Unicode.Scalar, maxSplits: Int = .max) -> [Substring] {
        Substring(self).unicodeScalars
            .split(separator: separator, maxSplits: maxSplits, omittingEmptySubsequences: false)
            .map { Substring($0) }
    }
}
