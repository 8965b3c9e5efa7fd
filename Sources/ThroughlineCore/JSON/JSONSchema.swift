/// A small part of JSON Schema (2020-12), which is enough for a form and cannot take long: no references, no patterns.
///
/// `type`, `enum`, `const`, `properties`, `required`, `additionalProperties` (true or false), `items` (one schema), `minItems`,
/// `maxItems`, `minLength`, `maxLength`, `minimum`, `maximum`. What only describes (`title`, `description`, `default`,
/// `examples`, `format`, `$schema`, `$comment`) is left alone; every other keyword is refused, so that nobody relies on a rule that is not
/// looked at.
public enum JSONSchema {
    /// What is wrong with a schema; `nil` if it can be used.
    public static func flaw(of schema: JSONValue) -> String? {
        guard schema.kind == .object else { return "a schema is an object" }
        for (name, value) in schema.members {
            if let flaw = flaw(of: name, value) { return flaw }
        }
        return nil
    }

    /// How a value breaks a schema, and where; `nil` if it does not.
    public static func breach(of schema: JSONValue, by value: JSONValue, at path: String = "value") -> String? {
        for (name, rule) in schema.members {
            if let breach = breach(of: name, rule, in: schema, by: value, at: path) { return breach }
        }
        return nil
    }

    private static let types: Set<String> = ["object", "array", "string", "number", "integer", "boolean", "null"]
    private static let described: Set<String> = [
        "title", "description", "default", "examples", "format", "$schema", "$comment",
    ]

    private static func flaw(of name: String, _ value: JSONValue) -> String? {
        switch name {
        case "type":
            let names = value.kind == .array ? value.elements : [value]
            let isKnown = !names.isEmpty && names.allSatisfy { $0.string.map(types.contains) ?? false }
            return isKnown ? nil : "type names JSON types"
        case "enum": return value.kind == .array && value.count > 0 ? nil : "enum is an array"
        case "const": return nil
        case "properties":
            guard value.kind == .object else { return "properties is an object" }
            return value.members.lazy.compactMap { flaw(of: $0.value) }.first
        case "required":
            let isNames = value.kind == .array && value.elements.allSatisfy { $0.kind == .string }
            return isNames ? nil : "required is an array of names"
        case "additionalProperties": return value.kind == .boolean ? nil : "additionalProperties is true or false"
        case "items": return flaw(of: value)
        case "minItems", "maxItems", "minLength", "maxLength":
            return value.integer.map { $0 >= 0 } == true ? nil : "\(name) is a number from 0"
        case "minimum", "maximum": return value.number == nil ? "\(name) is a number" : nil
        case _ where described.contains(name): return nil
        default: return "the keyword \(name) is not supported"
        }
    }

    private static func breach(
        of name: String, _ rule: JSONValue, in schema: JSONValue, by value: JSONValue, at path: String
    ) -> String? {
        switch name {
        case "type":
            let names = (rule.kind == .array ? rule.elements : [rule]).compactMap(\.string)
            return names.contains { value.isOf(type: $0) }
                ? nil : "\(path) has to be \(names.joined(separator: " or "))"
        case "enum":
            return rule.elements.contains { $0.isEqual(to: value) } ? nil : "\(path) is none of the values allowed"
        case "const": return rule.isEqual(to: value) ? nil : "\(path) is not the value allowed"
        case "properties": return breachOfMembers(rule, by: value, at: path)
        case "required":
            guard value.kind == .object else { return nil }
            let names = Set(value.members.map(\.name))
            return rule.elements.lazy.compactMap(\.string).first { !names.contains($0) }.map {
                "\(path).\($0) is missing"
            }
        case "additionalProperties":
            guard value.kind == .object, rule.boolean == false else { return nil }
            let known = Set(schema["properties"]?.members.map(\.name) ?? [])
            return value.members.first { !known.contains($0.name) }.map { "\(path).\($0.name) is not known" }
        case "items":
            return value.elements.enumerated().lazy
                .compactMap { breach(of: rule, by: $0.element, at: "\(path)[\($0.offset)]") }.first
        default: return breachOfMeasure(name, rule, by: value, at: path)
        }
    }

    private static func breachOfMembers(_ properties: JSONValue, by value: JSONValue, at path: String) -> String? {
        guard value.kind == .object else { return nil }
        let rules = Dictionary(properties.members.map { ($0.name, $0.value) }) { _, last in last }
        return value.members.lazy.compactMap { member in
            rules[member.name].flatMap { breach(of: $0, by: member.value, at: "\(path).\(member.name)") }
        }.first
    }

    private static func breachOfMeasure(
        _ name: String, _ rule: JSONValue, by value: JSONValue, at path: String
    ) -> String? {
        let measure: (value: Double, what: String)? =
            switch (name, value.kind) {
            case ("minItems", .array), ("maxItems", .array): (Double(value.count), "number of elements")
            case ("minLength", .string), ("maxLength", .string):
                (Double(value.string?.unicodeScalars.count ?? 0), "length")
            case ("minimum", .number), ("maximum", .number): value.number.map { ($0, "value") }
            default: nil
            }
        guard let measure, let limit = rule.number else { return nil }
        let isKept = name.hasPrefix("min") ? measure.value >= limit : measure.value <= limit
        let word = name.hasPrefix("min") ? "least" : "most"
        return isKept
            ? nil : "the \(measure.what) of \(path) is at \(word) \(String(decoding: rule.source, as: UTF8.self))"
    }
}

extension JSONValue {
    /// Any number that a double can stand for.
    public var number: Double? {
        guard node.kind == .number else { return nil }
        return Double(String(decoding: source, as: UTF8.self)).flatMap { $0.isFinite ? $0 : nil }
    }

    fileprivate func isOf(type: String) -> Bool {
        switch type {
        case "object": kind == .object
        case "array": kind == .array
        case "string": kind == .string
        case "number": kind == .number
        case "integer": number.map { $0 == $0.rounded() } ?? false
        case "boolean": kind == .boolean
        default: kind == .null
        }
    }

    /// Whether two values mean the same, however they are written. Members count in any order.
    func isEqual(to other: JSONValue) -> Bool {
        guard kind == other.kind else { return false }
        switch kind {
        case .null: return true
        case .boolean: return boolean == other.boolean
        case .number: return source.elementsEqual(other.source) || (number != nil && number == other.number)
        case .string: return textBytes == other.textBytes
        case .array:
            return count == other.count && zip(elements, other.elements).allSatisfy { $0.isEqual(to: $1) }
        case .object:
            let mine = Dictionary(members.map { ($0.name, $0.value) }) { _, last in last }
            let others = Dictionary(other.members.map { ($0.name, $0.value) }) { _, last in last }
            return mine.count == others.count
                && mine.allSatisfy { name, value in others[name].map { value.isEqual(to: $0) } ?? false }
        }
    }
}
