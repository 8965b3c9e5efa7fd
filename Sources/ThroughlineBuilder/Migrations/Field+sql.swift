extension Field {
    /// Text is compared by its bytes, the same as in the memory store and in every locale.
    var columnType: String {
        switch type {
        case .string, .text, .choice: "text COLLATE \"C\""
        case .int: "bigint"
        case .double: "double precision"
        case .decimal: "numeric"
        case .bool: "boolean"
        case .date: "date"
        case .datetime: "timestamptz(3)"
        case .uuid, .relation: "uuid"
        case .json: "jsonb"
        }
    }

    var castType: String { columnType.replacing(" COLLATE \"C\"", with: "") }

    func columnDefinition(in resource: Resource) -> String {
        var definition = "\(quoted(column)) \(columnType)"
        if !isOptional { definition += " NOT NULL" }
        let name = "\(resource.table)_\(column)"
        if isUnique { definition += " CONSTRAINT \(quoted(name + "_key")) UNIQUE" }
        if let checkConstraint { definition += " CONSTRAINT \(quoted(name + "_check")) \(checkConstraint)" }
        if let reference { definition += " CONSTRAINT \(quoted(name + "_fkey")) \(reference)" }
        return definition
    }

    var checkConstraint: String? {
        guard case .choice(let values) = type else { return nil }
        return "CHECK (\(quoted(column)) IN (\(values.map { "'\($0)'" }.joined(separator: ", "))))"
    }

    var reference: String? {
        guard case .relation(let table, let onDelete) = type else { return nil }
        let action =
            switch onDelete {
            case .restrict: ""
            case .cascade: " ON DELETE CASCADE"
            case .setnull: " ON DELETE SET NULL"
            }
        return "REFERENCES \(quoted(table)) (\"id\")\(action)"
    }

    /// What is unique has an index already.
    var needsIndex: Bool {
        if case .relation = type { return !isUnique }
        return isIndexed && !isUnique
    }

    func createIndex(in resource: Resource) -> String? {
        guard needsIndex else { return nil }
        // What a caller owns is listed in the order in which it was created.
        let order = isSetByServer ? "\"created_at\", \"id\"" : "\"id\""
        return
            "CREATE INDEX \(quoted("\(resource.table)_\(column)_index")) ON \(quoted(resource.table)) (\(quoted(column)), \(order))"
    }

    /// What the items that are there get when a required field comes; nil where nothing would do, and the table has to be empty.
    var filling: String? {
        if let defaultValue {
            return "'" + defaultValue.bareText.replacing("'", with: "''") + "'"
        }
        if isUnique { return nil }
        return switch type {
        case .string: "'-'"
        case .text: "''"
        case .int, .double, .decimal: "0"
        case .bool: "false"
        case .date: "current_date"
        case .datetime: "now()"
        case .uuid: "gen_random_uuid()"
        case .json: "'{}'"
        case .choice(let values): values.first.map { "'\($0)'" }
        case .relation: nil
        }
    }
}
