import Foundation

/// JSON whose objects keep their order, so that what is generated twice is the same twice.
public indirect enum JSONValue: Equatable, Sendable {
    case null
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    case array([JSONValue])
    case object([Member])

    /// One name and its value.
    public struct Member: Equatable, Sendable {
        public var name: String
        public var value: JSONValue
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int) { self = .int(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    public init(nilLiteral: ()) { self = .null }
    public init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(elements.map(Member.init)) }

    /// An object of these members, in this order.
    public init(_ members: [(String, JSONValue)]) { self = .object(members.map(Member.init)) }
}

extension JSONValue {
    /// The value of a member of an object.
    public subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    /// An object with one member more.
    public func with(_ name: String, _ value: JSONValue) -> JSONValue {
        guard case .object(let members) = self else { return self }
        return .object(members + [Member(name: name, value: value)])
    }

    /// On one line.
    public var compact: String { text(indentation: nil, level: 0) }

    /// On as many lines as it needs, with two spaces for each level, and a line end.
    public var pretty: String { text(indentation: "  ", level: 0) + "\n" }

    /// A string without its quotes; anything else as JSON.
    public var bareText: String {
        if case .string(let text) = self { return text }
        return compact
    }

    private func text(indentation: String?, level: Int) -> String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .int(let value): String(value)
        case .double(let value): value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(value)
        case .string(let value): JSONValue.quoted(value)
        case .array(let values):
            JSONValue.list(
                values.map { $0.text(indentation: indentation, level: level + 1) }, "[", "]", indentation, level)
        case .object(let members):
            JSONValue.list(
                members.map {
                    "\(JSONValue.quoted($0.name)):\(indentation == nil ? "" : " ")\($0.value.text(indentation: indentation, level: level + 1))"
                }, "{", "}", indentation, level)
        }
    }

    private static func list(_ parts: [String], _ open: String, _ close: String, _ indentation: String?, _ level: Int)
        -> String
    {
        guard let indentation, !parts.isEmpty else { return open + parts.joined(separator: ",") + close }
        let line = "\n" + String(repeating: indentation, count: level + 1)
        let end = "\n" + String(repeating: indentation, count: level)
        return open + line + parts.joined(separator: "," + line) + end + close
    }

    /// A string as JSON writes it.
    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            case "\r": quoted += "\\r"
            case _ where scalar.value < 0x20:
                quoted += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}

extension String {
    /// One spelling for letters that Unicode can write in two ways.
    var precomposed: String { precomposedStringWithCanonicalMapping }
}
