/// The statements of one migration, and those that take it back.
struct SQLMigration {
    var up: [String] = []
    var down: [String] = []

    var reversed: SQLMigration { SQLMigration(up: down, down: up) }

    /// What every project's database has.
    static let setup = SQLMigration(
        up: [
            """
            CREATE TABLE "idempotency_keys" (
                "scope" text NOT NULL,
                "key" text NOT NULL,
                "fingerprint" text NOT NULL,
                "item" json NOT NULL,
                "created_at" timestamptz NOT NULL DEFAULT now(),
                PRIMARY KEY ("scope", "key")
            )
            """,
            #"CREATE INDEX "idempotency_keys_created_at" ON "idempotency_keys" ("created_at")"#,
            """
            -- A change that the API did not make, by hand or by a foreign key, gives the item a new version, too.
            CREATE FUNCTION "touch_item"() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF NEW."version" = OLD."version" THEN
                    NEW."version" := OLD."version" + 1;
                    NEW."updated_at" := now();
                END IF;
                RETURN NEW;
            END
            $$
            """,
        ],
        down: [#"DROP FUNCTION "touch_item"()"#, #"DROP TABLE "idempotency_keys""#])

    static func create(_ resource: Resource) -> SQLMigration {
        let table = quoted(resource.table)
        let meta = [
            #""id" uuid PRIMARY KEY"#, #""version" bigint NOT NULL"#, #""created_at" timestamptz(3) NOT NULL"#,
            #""updated_at" timestamptz(3) NOT NULL"#,
        ]
        let columns = meta + resource.fields.map { $0.columnDefinition(in: resource) }
        var migration = SQLMigration(
            up: ["CREATE TABLE \(table) (\n    \(columns.joined(separator: ",\n    "))\n)"],
            down: ["DROP TABLE \(table)"])
        migration.up.append(#"CREATE INDEX "\#(resource.table)_created_at" ON \#(table) ("created_at", "id")"#)
        migration.up += resource.fields.compactMap { $0.createIndex(in: resource) }
        migration.up.append(
            #"CREATE TRIGGER "touch_item" BEFORE UPDATE ON \#(table) FOR EACH ROW EXECUTE FUNCTION "touch_item"()"#)
        return migration
    }

    /// New columns come, columns of fields that are gone go, and columns whose field is another now change.
    static func change(from old: Resource, to new: Resource, renames: [FieldRename] = []) -> SQLMigration {
        var migration = SQLMigration()
        var old = old
        for rename in renames {
            let step = self.rename(rename, in: old)
            migration.up += step.up
            migration.down = step.down + migration.down
            old.fields = old.fields.map { $0.column == rename.old.column ? rename.new : $0 }
        }
        for field in new.fields {
            if let before = old.fields.first(where: { $0.column == field.column }) {
                let step = alter(from: before, to: field, in: new)
                migration.up += step.up
                migration.down = step.down + migration.down
            } else {
                let step = add(field, to: new)
                migration.up += step.up
                migration.down = step.down + migration.down
            }
        }
        for field in old.fields where !new.fields.contains(where: { $0.column == field.column }) {
            let step = add(field, to: old).reversed
            migration.up += step.up
            migration.down = step.down + migration.down
        }
        return migration
    }

    /// A column gets another name, and so do its rules and its index, which are called after it.
    private static func rename(_ rename: FieldRename, in resource: Resource) -> SQLMigration {
        let (old, new) = (rename.old, rename.new)
        func steps(_ old: Field, _ new: Field) -> [String] {
            let table = "ALTER TABLE \(quoted(resource.table))"
            func name(_ field: Field, _ suffix: String) -> String {
                quoted("\(resource.table)_\(field.column)_\(suffix)")
            }
            var rules: [String] = []
            if old.isUnique { rules.append("key") }
            if old.checkConstraint != nil { rules.append("check") }
            if old.reference != nil { rules.append("fkey") }
            let index =
                old.needsIndex ? ["ALTER INDEX \(name(old, "index")) RENAME TO \(name(new, "index"))"] : []
            return ["\(table) RENAME COLUMN \(quoted(old.column)) TO \(quoted(new.column))"]
                + rules.map { "\(table) RENAME CONSTRAINT \(name(old, $0)) TO \(name(new, $0))" } + index
        }
        return SQLMigration(up: steps(old, new), down: steps(new, old))
    }

    /// A field that is required fills the items that are there with its default, or with an empty value of its type.
    private static func add(_ field: Field, to resource: Resource) -> SQLMigration {
        let table = quoted(resource.table)
        var definition = field.columnDefinition(in: resource)
        var up: [String] = []
        if !field.isOptional, let filling = field.filling {
            definition += " DEFAULT \(filling)"
            up = [
                "ALTER TABLE \(table) ADD COLUMN \(definition)",
                "ALTER TABLE \(table) ALTER COLUMN \(quoted(field.column)) DROP DEFAULT",
            ]
        } else {
            up = ["ALTER TABLE \(table) ADD COLUMN \(definition)"]
        }
        if let index = field.createIndex(in: resource) { up.append(index) }
        return SQLMigration(up: up, down: ["ALTER TABLE \(table) DROP COLUMN \(quoted(field.column))"])
    }

    private static func alter(from old: Field, to new: Field, in resource: Resource) -> SQLMigration {
        let up = alteration(from: old, to: new, in: resource)
        let down = alteration(from: new, to: old, in: resource)
        return SQLMigration(up: up, down: down)
    }

    private static func alteration(from old: Field, to new: Field, in resource: Resource) -> [String] {
        let table = "ALTER TABLE \(quoted(resource.table))"
        let column = quoted(new.column)
        let name = "\(resource.table)_\(new.column)"
        var steps: [String] = []
        // Rules that the new column no longer has, or has differently, go first.
        if old.checkConstraint != new.checkConstraint, old.checkConstraint != nil {
            steps.append("\(table) DROP CONSTRAINT \(quoted(name + "_check"))")
        }
        if old.reference != new.reference, old.reference != nil {
            steps.append("\(table) DROP CONSTRAINT \(quoted(name + "_fkey"))")
        }
        if old.isUnique, !new.isUnique { steps.append("\(table) DROP CONSTRAINT \(quoted(name + "_key"))") }
        if old.needsIndex, !new.needsIndex { steps.append("DROP INDEX \(quoted(name + "_index"))") }
        if old.columnType != new.columnType {
            steps.append(
                "\(table) ALTER COLUMN \(column) TYPE \(new.columnType) USING \(column)::text::\(new.castType)")
        }
        if old.isOptional, !new.isOptional {
            if let filling = new.filling {
                steps.append("UPDATE \(quoted(resource.table)) SET \(column) = \(filling) WHERE \(column) IS NULL")
            }
            steps.append("\(table) ALTER COLUMN \(column) SET NOT NULL")
        }
        if !old.isOptional, new.isOptional { steps.append("\(table) ALTER COLUMN \(column) DROP NOT NULL") }
        if old.checkConstraint != new.checkConstraint, let check = new.checkConstraint {
            steps.append("\(table) ADD CONSTRAINT \(quoted(name + "_check")) \(check)")
        }
        if old.reference != new.reference, let reference = new.reference {
            steps.append("\(table) ADD CONSTRAINT \(quoted(name + "_fkey")) FOREIGN KEY (\(column)) \(reference)")
        }
        if new.isUnique, !old.isUnique {
            steps.append("\(table) ADD CONSTRAINT \(quoted(name + "_key")) UNIQUE (\(column))")
        }
        if new.needsIndex, !old.needsIndex, let index = new.createIndex(in: resource) { steps.append(index) }
        return steps
    }
}

/// A name as SQL writes it, whatever word it is.
func quoted(_ name: String) -> String { "\"" + name.replacing("\"", with: "\"\"") + "\"" }
