/// One field of a resource.
public struct Field: Equatable, Sendable {
    /// As it is in JSON: `dueOn`, and `ownerId` for the relation `owner:users`.
    public var name: String
    public var type: FieldType
    /// It may be null, and may be left out.
    public var isOptional = false
    /// No two items have the same value.
    public var isUnique = false
    /// The database finds it without reading every item.
    public var isIndexed = false
    /// What an item gets whose client left the field out.
    public var defaultValue: JSONValue?
    /// The API sets it, and no client can.
    public var isSetByServer = false

    public init(_ name: String, _ type: FieldType) {
        self.name = name
        self.type = type
    }

    /// As it is in the database.
    public var column: String { Words(name).snake }

    /// To whom an item belongs: the subject of the token with which it was created.
    static let owner = {
        var field = Field("ownedBy", .string)
        field.isIndexed = true
        field.isSetByServer = true
        return field
    }()
}

/// What a field holds.
public enum FieldType: Equatable, Sendable {
    /// 1 to 255 characters.
    case string
    /// Up to 10,000 characters, which cannot be sorted or filtered.
    case text
    /// Within ±(2^53 - 1), the whole numbers that JSON carries everywhere.
    case int
    case double
    /// Exact, written as a string: up to 12 digits before the point and 6 after it.
    case decimal
    case bool
    case date
    /// In UTC and milliseconds.
    case datetime
    case uuid
    /// Any JSON but null, which cannot be sorted or filtered.
    case json
    /// One of these values.
    case choice([String])
    /// The id of an item of another table.
    case relation(table: String, onDelete: OnDelete)

    /// What happens to an item when the one it refers to is deleted.
    public enum OnDelete: String, CaseIterable, Sendable {
        /// The deletion is refused.
        case restrict
        /// The item is deleted, too.
        case cascade
        /// The reference becomes null.
        case setnull
    }
}

extension FieldType {
    /// The types that a field can be given by their name alone.
    public static let simple: [(name: String, type: FieldType)] = [
        ("string", .string), ("text", .text), ("int", .int), ("double", .double), ("decimal", .decimal),
        ("bool", .bool),
        ("date", .date), ("datetime", .datetime), ("uuid", .uuid), ("json", .json),
    ]

    /// `string`, `enum`, `relation`.
    public var name: String {
        switch self {
        case .choice: "enum"
        case .relation: "relation"
        default: FieldType.simple.first { $0.type == self }?.name ?? ""
        }
    }

    /// A list can be sorted and filtered by it, and it can be unique.
    public var isComparable: Bool { self != .text && self != .json }

    /// Filters of it can ask for more than equality.
    public var isOrdered: Bool {
        switch self {
        case .int, .double, .decimal, .date, .datetime: true
        default: false
        }
    }
}
