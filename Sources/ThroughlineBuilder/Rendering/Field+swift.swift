extension String {
    /// Where a name is a word of Swift's own, it gets backticks.
    var asSwift: String { Keywords.swift.contains(self) ? "`\(self)`" : self }
}

extension Resource {
    /// The property of a controller that holds the store.
    var swiftPlural: String {
        let name = plural.camel
        return Keywords.ofControllers.union(Keywords.swift).contains(name) ? name + "Store" : name
    }
}

extension Field {
    /// The type of the field's property in a generated Swift model.
    var swiftType: String {
        let type =
            switch type {
            case .string, .text: "String"
            case .int: "Int"
            case .double: "Double"
            case .decimal: "FixedDecimal"
            case .bool: "Bool"
            case .date: "CalendarDate"
            case .datetime: "Timestamp"
            case .uuid, .relation: "ItemID"
            case .json: "JSON"
            case .choice: choiceType
            }
        return isOptional ? type + "?" : type
    }

    /// The enum of a field with choices, and its cases.
    var choices: TemplateValues? {
        guard case .choice(let values) = type else { return nil }
        let cases = values.map { value -> TemplateValues in
            let name = Words(value).camel
            let isPlain = name == value
            return ["choiceCase": .text("case \(name.asSwift)" + (isPlain ? "" : " = \"\(value)\""))]
        }
        return ["choiceType": .text(choiceType), "choiceCases": .list(cases)]
    }

    /// The field's rules, as the table of a generated model says them.
    var swiftField: String {
        var arguments = ["\"\(name)\"", swiftRule]
        if column != name { arguments.append("column: \"\(column)\"") }
        if isOptional { arguments.append("optional: true") }
        if isUnique { arguments.append("unique: true") }
        if let defaultValue { arguments.append("default: \(defaultValue.swift)") }
        return "Field(\(arguments.joined(separator: ", ")))"
    }

    private var choiceType: String {
        let name = Words(self.name).pascal
        return Names.isTaken(type: name) || name.hasSuffix("Choice") ? name + "Choice" : name
    }

    private var swiftRule: String {
        switch type {
        case .choice(let values): ".choice([\(values.map { "\"\($0)\"" }.joined(separator: ", "))])"
        case .relation(let table, let onDelete): ".relation(to: \"\(table)\", onDelete: .\(onDelete.rawValue))"
        default: ".\(type.name)"
        }
    }
}

extension Field {
    /// An expression of a legal value, in which `number` is different each time, and `create` makes the item of a relation.
    func swiftSample(in project: Project) -> String {
        switch type {
        case .string: ".string(\"\(Words(name).spaced.capitalizedWord) \\(number)\")"
        case .text: ".string(\"Some words about number \\(number).\")"
        case .int: ".int(number)"
        case .double: ".double(Double(number) + 0.5)"
        case .decimal: ".string(\"\\(number).50\")"
        case .bool: ".bool(number % 2 == 1)"
        case .date: ".string(TestNumbers.day(number))"
        case .datetime: ".string(TestNumbers.day(number) + \"T12:00:00.000Z\")"
        case .uuid: ".string(UUID().uuidString.lowercased())"
        case .json: "[\"number\": .int(number)]"
        case .choice(let values): ".string(\"\(values[0])\")"
        case .relation(let table, _):
            isRequired
                ? ".string(try await create(\"\(project.resources.first { $0.table == table }?.path ?? table)\").id)"
                : ".null"
        }
    }
}

extension JSONValue {
    /// The same value in Swift.
    fileprivate var swift: String {
        switch self {
        case .string(let text): ".string(\(JSONValue.quoted(text)))"
        case .int: ".int(\(compact))"
        case .double(let value): ".double(\(value))"
        case .bool: ".bool(\(compact))"
        default: ".null"
        }
    }
}
