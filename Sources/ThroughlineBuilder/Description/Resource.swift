/// A kind of item, with five endpoints of its own.
public struct Resource: Equatable, Sendable {
    public var singular: Words
    public var plural: Words
    public var fields: [Field]

    /// - Parameters:
    ///   - name: For one or for many: `user`, `users`, `blogPost`, `blog-posts`.
    ///   - plural: Where the English rules do not give it.
    /// - Throws: ``DescriptionError`` if a name cannot be used, or two fields clash.
    public init(_ name: String, plural: String? = nil, fields: [Field]) throws(DescriptionError) {
        let words = Words(name)
        singular = plural == nil ? words.singular : words
        self.plural = plural.map { Words($0) } ?? words.singular.plural
        self.fields = fields
        for name in [singular, self.plural] { try Names.checkResource(name) }
        try checkFields()
    }

    /// As it is in the database.
    public var table: String { plural.snake }
    /// As it is in an address.
    public var path: String { plural.kebab }
    /// As its type is called in the code and in the documents: `User`, and `ErrorItem` where the name alone means something else.
    public var type: String { singular.pascal + (Names.isTaken(singular) ? "Item" : "") }

    /// The fields that refer to other items.
    public var relations: [(field: Field, target: String, onDelete: FieldType.OnDelete)] {
        fields.compactMap { field in
            guard case .relation(let table, let onDelete) = field.type else { return nil }
            return (field, table, onDelete)
        }
    }

    private func checkFields() throws(DescriptionError) {
        guard (1...100).contains(fields.count) else {
            throw DescriptionError("A resource has 1 to 100 fields, and \(singular.camel) has \(fields.count).")
        }
        var names = Set<String>()
        for field in fields {
            try Names.checkField(field)
            guard names.insert(field.column).inserted else {
                throw DescriptionError("‘\(field.name)’ is there twice, or too much like another field.")
            }
            let constraint = "\(table)_\(field.column)_fkey"
            guard constraint.utf8.count <= Names.databaseLimit else {
                throw DescriptionError(
                    "‘\(field.name)’ is too long: ‘\(constraint)’ has more than \(Names.databaseLimit) bytes.")
            }
        }
    }
}
