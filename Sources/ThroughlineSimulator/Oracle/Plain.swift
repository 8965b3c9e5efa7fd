import ThroughlineCore

/// A JSON value without nulls, to compare.
enum Plain: Hashable {
    case object([String: Plain])
    case array([Plain])
    case string(String)
    /// Numbers and booleans, as they are written.
    case other(String)

    init(_ value: JSONValue) {
        switch value.kind {
        case .object:
            var members: [String: Plain] = [:]
            for (name, member) in value.members where !member.isNull { members[name] = Plain(member) }
            // The one null that says something: an input goes behind all others.
            if value["before"]?.isNull == true { members["before"] = .string("") }
            self = .object(members)
        case .array: self = .array(value.elements.map { Plain($0) })
        case .string: self = .string(value.string ?? "")
        case .number, .boolean, .null: self = .other(String(decoding: value.source, as: UTF8.self))
        }
    }

    subscript(_ name: String) -> Plain? {
        get { if case .object(let members) = self { members[name] } else { nil } }
        set {
            guard case .object(var members) = self else { return }
            members[name] = newValue
            self = .object(members)
        }
    }

    var text: String {
        switch self {
        case .string(let text), .other(let text): text
        case .object, .array: ""
        }
    }

    var number: Int { Int(text) ?? -1 }
    var elements: [Plain] { if case .array(let elements) = self { elements } else { [] } }
    var names: [String] { if case .object(let members) = self { members.keys.sorted() } else { [] } }
}

/// A promise that was broken.
struct Violation: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}
