/// The default of a field, from the text behind `=`.
enum DefaultValue {
    /// Nil if the text is no value of the type, or the type cannot have a default.
    static func read(_ text: String, as type: FieldType) -> JSONValue? {
        switch type {
        case .string: (1...255).contains(text.unicodeScalars.count) && isPlain(text) ? .string(text) : nil
        case .text: text.unicodeScalars.count <= 10_000 && isPlain(text) ? .string(text) : nil
        case .int: Int(text).flatMap { abs($0) <= 9_007_199_254_740_991 ? .int($0) : nil }
        case .double: Double(text).flatMap { $0.isFinite ? .double($0) : nil }
        case .decimal: text.wholeMatch(of: /-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,6})?/) != nil ? .string(text) : nil
        case .bool: ["true": .bool(true), "false": .bool(false)][text]
        case .choice(let values): values.contains(text) ? .string(text) : nil
        case .date, .datetime, .uuid, .json, .relation: nil
        }
    }

    /// Without characters that would end a line or a string of the generated code, or the option behind it.
    private static func isPlain(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy {
            $0.value >= 0x20 && !"\"\\'`$\u{7F}\u{2028}\u{2029}".unicodeScalars.contains($0)
        }
    }
}
