/// Fields as they are written on the command line and in `throughline.json`:
///
///     name:type[?][=default][:unique|:index|:restrict|:cascade|:setnull]
///
/// The type is one of ``FieldType/simple``, `enum(a,b)`, or the name of a resource, which makes a relation.
public enum FieldGrammar {
    /// - Throws: ``DescriptionError`` that says what is wrong with the text.
    public static func parse(_ text: String) throws(DescriptionError) -> Field {
        guard let colon = text.firstIndex(of: ":") else {
            throw DescriptionError("‘\(text)’ has no type. Write name:type, such as \(text):string.")
        }
        var rest = String(text[text.index(after: colon)...])
        let options = takeOptions(from: &rest)
        let defaultText = takeDefault(from: &rest)
        let isOptional = rest.hasSuffix("?")
        if isOptional { rest.removeLast() }

        var type = try fieldType(rest, in: text)
        if let onDelete = options.compactMap(FieldType.OnDelete.init).first {
            guard case .relation(let table, _) = type else {
                throw DescriptionError("‘\(text)’ is no relation, so \(onDelete.rawValue) means nothing here.")
            }
            type = .relation(table: table, onDelete: onDelete)
        }
        var field = Field(name(String(text[..<colon]), of: type), type)
        field.isOptional = isOptional
        field.isUnique = options.contains("unique")
        field.isIndexed = options.contains("index")
        field.defaultValue = try defaultText.map { text throws(DescriptionError) in try defaultValue(text, of: field) }
        try check(field, in: text)
        return field
    }

    /// The text from which ``parse(_:)`` makes this field.
    public static func text(of field: Field) -> String {
        var text = field.name + ":"
        switch field.type {
        case .choice(let values): text += "enum(\(values.joined(separator: ",")))"
        case .relation(let table, _): text += table
        default: text += field.type.name
        }
        if field.isOptional { text += "?" }
        if let value = field.defaultValue { text += "=" + value.bareText }
        if field.isUnique { text += ":unique" }
        if field.isIndexed { text += ":index" }
        if case .relation(_, let onDelete) = field.type, onDelete != .restrict { text += ":\(onDelete.rawValue)" }
        return text
    }

    private static func takeOptions(from rest: inout String) -> Set<String> {
        var options = Set<String>()
        let known = ["unique", "index"] + FieldType.OnDelete.allCases.map(\.rawValue)
        while let option = known.first(where: { rest.hasSuffix(":" + $0) }) {
            rest.removeLast(option.count + 1)
            options.insert(option)
        }
        return options
    }

    private static func takeDefault(from rest: inout String) -> String? {
        guard let equals = rest.firstIndex(of: "=") else { return nil }
        defer { rest = String(rest[..<equals]) }
        return String(rest[rest.index(after: equals)...])
    }

    private static func fieldType(_ name: String, in text: String) throws(DescriptionError) -> FieldType {
        if let simple = FieldType.simple.first(where: { $0.name == name }) { return simple.type }
        if name.hasPrefix("enum") { return .choice(try choices(name, in: text)) }
        let words = Words(name)
        let isName = !words.words.isEmpty && name.utf8.allSatisfy { isLetterOrDigit($0) || $0 == 0x2D || $0 == 0x5F }
        guard isName else { throw unknownType(name, in: text) }
        return .relation(table: words.singular.plural.snake, onDelete: .restrict)
    }

    /// The type that is probably meant by a name that is none, and no resource either.
    static func nearestType(to name: String) -> String? {
        FieldType.simple.first { distance($0.name, name) == 1 }?.name
    }

    private static func unknownType(_ name: String, in text: String) -> DescriptionError {
        let types = FieldType.simple.map(\.name).joined(separator: ", ")
        return DescriptionError("There is no type ‘\(name)’ in ‘\(text)’. Types: \(types), enum(a,b), or a resource.")
    }

    private static func choices(_ name: String, in text: String) throws(DescriptionError) -> [String] {
        guard name.hasPrefix("enum("), name.hasSuffix(")") else {
            throw DescriptionError(
                "An enum lists its values: enum(open,done), not ‘\(name)’. Put quotes around it in a shell.")
        }
        let values = name.dropFirst(5).dropLast().split(separator: ",", omittingEmptySubsequences: false).map { value in
            String(value.drop { $0 == " " })
        }
        let areNames = values.allSatisfy { value in
            value.utf8.first.map { isLetterOrDigit($0) && $0 > 0x39 } == true && value.utf8.count <= 50
                && value.utf8.allSatisfy { isLetterOrDigit($0) || $0 == 0x2D || $0 == 0x5F }
        }
        guard areNames, values.count <= 100, Set(values.map { Words($0).camel }).count == values.count else {
            throw DescriptionError(
                "The values in ‘\(text)’ have to be different names of letters, digits, hyphens and underscores.")
        }
        return values
    }

    /// `ownerId` for `owner:users`; a name that is written with underscores becomes `dueOn`.
    private static func name(_ name: String, of type: FieldType) -> String {
        let isApart = name.contains { $0 == "_" || $0 == "-" } && !name.contains(" ")
        let camel = isApart ? Words(name).camel : name.precomposed
        guard case .relation = type, !camel.hasSuffix("Id") else { return camel }
        return camel + "Id"
    }

    private static func defaultValue(_ text: String, of field: Field) throws(DescriptionError) -> JSONValue {
        if let value = DefaultValue.read(text, as: field.type) { return value }
        throw DescriptionError(
            "‘\(text)’ cannot be the default of \(field.name), which is of the type \(field.type.name).")
    }

    private static func check(_ field: Field, in text: String) throws(DescriptionError) {
        if field.isUnique || field.isIndexed, !field.type.isComparable {
            throw DescriptionError(
                "‘\(text)’: a field of the type \(field.type.name) can be neither unique nor indexed.")
        }
        if field.isUnique, field.type == .bool || field.type.name == "enum" {
            throw DescriptionError(
                "‘\(text)’: a unique field of the type \(field.type.name) would leave room for a few items only.")
        }
        if field.isUnique, field.defaultValue != nil {
            throw DescriptionError(
                "‘\(text)’: a unique field cannot have a default, which the second item would have, too.")
        }
        if case .relation(_, .setnull) = field.type, !field.isOptional {
            throw DescriptionError("‘\(text)’: what is set to null has to be optional. Write \(field.name):…?:setnull.")
        }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }

    /// 1 if one letter was added, left out or mistaken, or two were swapped; 2 for anything further apart.
    private static func distance(_ a: String, _ b: String) -> Int {
        if a == b { return 0 }
        let (a, b) = (Array(a), Array(b))
        var start = 0
        while start < min(a.count, b.count), a[start] == b[start] { start += 1 }
        var end = 0
        while end < min(a.count, b.count) - start, a[a.count - 1 - end] == b[b.count - 1 - end] { end += 1 }
        let (x, y) = (a[start..<(a.count - end)], b[start..<(b.count - end)])
        let isSwap = x.count == 2 && y.count == 2 && x.first == y.last && x.last == y.first
        return max(x.count, y.count) <= 1 || isSwap ? 1 : 2
    }
}
