/// Which names a project can have for its things.
enum Names {
    /// The longest name that PostgreSQL keeps whole, in bytes.
    static let databaseLimit = 63

    /// Set by the generated API itself.
    private static let ownFields: Set = ["id", "version", "created_at", "updated_at", "field_values", "owned_by"]
    private static let ownTables: Set = ["migrations", "idempotency_keys"]
    private static let ownPaths: Set = ["health", "openapi"]

    /// Types that every generated Swift file relies on: a resource may not stand in their way.
    private static let swiftTypes: Set = [
        "Any", "AnyObject", "API", "APIContext", "App", "Array", "Authenticator", "Bool", "CalendarDate", "Caller",
        "CaseIterable", "ChatPage", "ChoiceValue", "Configuration", "Database", "Double", "Field", "FieldValues",
        "FixedDecimal",
        "Guard", "Guarded", "GuardedStore", "Health", "Int", "ItemID", "JSON", "Model", "Never", "Optional",
        "Permissions",
        "Protocol", "Request", "Response", "Router", "Self", "Sendable", "Sessions", "Store", "Stored", "String",
        "Table",
        "Timestamp", "Type", "Value", "Void",
    ]

    static func isOfSwift(_ name: String) -> Bool { swiftTypes.contains(name) }

    static func checkResource(_ name: Words) throws(DescriptionError) {
        let isPlain = name.joined.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) }
        guard isPlain, let first = name.words.first?.utf8.first, first >= 0x61, name.snake.utf8.count <= 40 else {
            throw DescriptionError(
                "A resource is named by up to 40 letters a-z and digits, such as user or blogPost, not ‘\(name.camel)’."
            )
        }
        let isTaken =
            swiftTypes.contains(name.pascal) || ownTables.contains(name.snake) || ownPaths.contains(name.kebab)
        if isTaken {
            throw DescriptionError(
                "‘\(name.camel)’ is a name that the project needs itself. Choose another, such as my\(name.pascal).")
        }
    }

    static func checkField(_ field: Field) throws(DescriptionError) {
        guard let first = field.name.unicodeScalars.first, isStart(first),
            field.name.unicodeScalars.dropFirst().allSatisfy(isPart)
        else {
            throw DescriptionError(
                "A field is named by letters and digits, such as dueOn, and begins with a small letter, not ‘\(field.name)’."
            )
        }
        if ownFields.contains(field.column) {
            throw DescriptionError(
                "‘\(field.name)’ is set by the API itself. It is there already, or choose another name.")
        }
    }

    private static func isStart(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isXIDStart && !scalar.properties.isUppercase
            && scalar.properties.generalCategory != .titlecaseLetter
    }

    private static func isPart(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isXIDContinue && scalar != "_"
    }
}
