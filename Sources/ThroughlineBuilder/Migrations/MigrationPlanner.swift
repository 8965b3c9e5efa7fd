/// Says what has to be done to a database so that it fits a description.
public struct MigrationPlanner: Sendable {
    /// The names of the migrations that there are, such as `0002_create_users`.
    private let existing: [String]

    public init(existing: [String]) {
        self.existing = existing
    }

    /// The files of the migrations that lead from the resources of `old` to those of `new`: none if nothing in them differs.
    public func files(
        from old: [Resource], to new: [Resource], renames: [FieldRename] = []
    ) -> [GeneratedFile] {
        var steps: [(name: String, migration: SQLMigration)] = []
        if existing.isEmpty { steps.append(("setup", .setup)) }
        for resource in new {
            guard let before = old.first(where: { $0.singular == resource.singular }) else {
                steps.append(("create_\(resource.table)", .create(resource)))
                continue
            }
            let migration = SQLMigration.change(
                from: before, to: resource, renames: renames.filter { $0.resource == resource.singular })
            if !migration.up.isEmpty { steps.append(("change_\(resource.table)", migration)) }
        }
        for resource in old.reversed() where !new.contains(where: { $0.singular == resource.singular }) {
            steps.append(("drop_\(resource.table)", SQLMigration.create(resource).reversed))
        }
        var number = (existing.compactMap { Int($0.prefix(4)) }.max() ?? 0)
        return steps.flatMap { step in
            number += 1
            let name = "migrations/\(padded(number))_\(step.name)"
            return [
                GeneratedFile(
                    path: "\(name).up.sql", text: step.migration.up.map { $0 + ";\n" }.joined(separator: "\n")),
                GeneratedFile(
                    path: "\(name).down.sql", text: step.migration.down.map { $0 + ";\n" }.joined(separator: "\n")),
            ]
        }
    }

    private func padded(_ number: Int) -> String {
        String(repeating: "0", count: max(0, 4 - String(number).count)) + String(number)
    }
}
