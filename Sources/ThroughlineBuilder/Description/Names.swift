/// Which names a project can have for its things.
enum Names {
    /// The longest name that PostgreSQL keeps whole, in bytes.
    static let databaseLimit = 63

    /// Set by the generated API itself.
    private static let ownFields: Set = ["id", "version", "created_at", "updated_at", "field_values", "owned_by"]
    private static let ownTables: Set = ["migrations", "idempotency_keys"]
    private static let ownPaths: Set = ["auth", "chat-page", "health", "openapi", "throughline"]

    /// Types and modules that generated code says by their bare names, in Swift or in JavaScript. A resource of such a name gets another type.
    private static let types: Set = [
        "Any", "App", "Application", "Array", "Atomic", "Authenticator", "Bool", "Caller", "Character", "Collection",
        "Configuration", "Data", "Database", "Date", "Dictionary", "Double", "Duration", "Equatable", "Error", "Field",
        "Float", "Foundation", "Guard", "Guarded", "Hashable", "Health", "Hummingbird", "Int", "Issue", "Logger",
        "Logging", "Map", "Migrations", "Model", "Mutex", "Never", "Object", "Optional", "Permissions", "Problem",
        "Promise", "Protocol", "Range", "Rest", "Request", "Response", "Result", "Rights", "Router", "Self", "Sendable",
        "Sequence", "Sessions", "Set", "Spelling", "State", "Status", "Store", "Stored", "String", "Substring",
        "Suite", "Swift", "Symbol", "Synchronization", "Table", "Task", "Test", "Testing", "Throughline", "Timestamp",
        "Tokens", "Trait", "Type", "Value", "Void",
    ]

    /// Of two words or more; what the compiler looks up by itself, too.
    private static let longTypes: Set = [
        "AnyObject", "ApplicationConfiguration", "ApplicationProtocol", "AsyncStream", "BasicRequestContext",
        "BooleanLiteralType", "ByteBuffer", "CalendarDate", "CaseIterable", "ChatPage", "ChoiceValue", "ClosedRange",
        "CommandLine", "ConfigurationError", "CustomStringConvertible", "DotEnv", "FieldValues", "FileHandle",
        "FixedDecimal", "FloatLiteralType", "FoundationNetworking", "GuardedStore", "IntegerLiteralType", "Int32",
        "MemoryDatabase", "PostgresDatabase", "ProcessInfo", "ResponseBody", "StringLiteralType",
        "SwiftLogNoOpLogHandler",
        "TestAnswer", "TestNumbers", "TestSessions", "TestStore",
    ]

    /// What the names of other types, of schemas and of files end or begin with.
    private static let ends: Set = ["controller", "patch", "routes", "tests"]

    static func isTaken(type: String) -> Bool { types.contains(type) || longTypes.contains(type) }

    /// Whether a resource of this name needs a type of another name.
    static func isTaken(_ name: Words) -> Bool {
        if isTaken(type: name.pascal) { return true }
        guard name.words.count > 1, let first = name.words.first, let last = name.words.last else { return false }
        return first == "new" || ends.contains(last)
    }

    static func checkResource(_ name: Words) throws(DescriptionError) {
        let isPlain = name.joined.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) }
        guard isPlain, let first = name.words.first?.utf8.first, first >= 0x61, name.snake.utf8.count <= 40 else {
            throw DescriptionError(
                "A resource is named by up to 40 letters a-z and digits, such as user or blogPost, not ‘\(name.camel)’."
            )
        }
        if ownTables.contains(name.snake) || ownPaths.contains(name.kebab) {
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
