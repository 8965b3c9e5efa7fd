import Foundation
import ThroughlineBuilder

/// A generated project on disk.
///
///     throughline.json            the description
///     .throughline/base/…         every generated file as it was generated, to merge with what its owner made of it
///     .throughline/journal/…      what each command changed, to undo it
///     .throughline/templates/…    templates of the project's own
struct ProjectFolder {
    let root: URL

    /// The project in which the current folder is.
    static func current() throws -> ProjectFolder {
        var folder = URL(filePath: FileManager.default.currentDirectoryPath)
        while true {
            let project = ProjectFolder(root: folder)
            if project.read(ProjectFile.name) != nil { return project }
            guard folder.pathComponents.count > 1 else {
                throw Failure(
                    "There is no \(ProjectFile.name) here. Make a project with: throughline new NAME",
                    status: Failure.usage)
            }
            folder.deleteLastPathComponent()
        }
    }

    /// What the project is made of.
    func description() throws -> Project {
        try ProjectFile.read(read(ProjectFile.name) ?? "")
    }

    /// What it was made of when it was generated last; nil if it never was.
    func generatedDescription() throws -> Project? {
        try base(ProjectFile.name).map { try ProjectFile.read($0) }
    }

    /// Makes files, with the project's own templates where there are some.
    var renderer: ProjectRenderer {
        let folder = self
        return ProjectRenderer(library: TemplateLibrary { name in folder.read(".throughline/templates/" + name) })
    }

    /// What has to be done so that the project becomes this one.
    func plan(to project: Project, renames: [FieldRename] = []) throws -> Plan {
        var plan = Plan(
            generated: try renderer.files(of: project), known: knownPaths(), base: base, disk: { read($0) })
        plan.add(try migrations(to: project, renames))
        return plan
    }

    private func migrations(to project: Project, _ renames: [FieldRename]) throws -> [GeneratedFile] {
        guard project.database == .postgres else { return [] }
        let before = try generatedDescription()
        let resources = before?.database == .postgres ? before?.keptResources ?? [] : []
        for resource in project.resources {
            guard let old = resources.first(where: { $0.singular == resource.singular && $0.table != resource.table })
            else { continue }
            throw Failure(
                "The table of \(resource.singular.camel) is called \(old.table), and its items are in it. Leave the plural as it was."
            )
        }
        return MigrationPlanner(existing: migrationNames()).files(
            from: resources, to: project.keptResources, renames: renames)
    }

    /// The migrations that there are, in their order.
    func migrationNames() -> [String] {
        files(below: "migrations").filter { $0.hasSuffix(".up.sql") }.map { String($0.dropLast(".up.sql".count)) }
    }

    func read(_ path: String) -> String? {
        try? String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    func base(_ path: String) -> String? { read(".throughline/base/" + path) }

    /// The paths of all files that were generated.
    func knownPaths() -> [String] { files(below: ".throughline/base") }

    /// The generated files whose owner wrote into them, where that says this name.
    func editedPaths(saying name: String) -> [String] {
        knownPaths().filter { path in
            guard path != ProjectFile.name, let text = read(path), text != base(path) else { return false }
            let words = text.split { !($0.isLetter || $0.isNumber || $0 == "_") }
            return words.contains { $0 == name }
        }
    }

    /// The paths of the files in a folder, from that folder, sorted.
    func files(below folder: String) -> [String] {
        let folder = root.appending(path: folder)
        let all = FileManager.default.subpaths(atPath: folder.path(percentEncoded: false)) ?? []
        return all.filter { path in
            var isFolder: ObjCBool = false
            let file = folder.appending(path: path).path(percentEncoded: false)
            return FileManager.default.fileExists(atPath: file, isDirectory: &isFolder) && !isFolder.boolValue
        }.sorted()
    }
}

extension ProjectFolder {
    /// Does what was planned. The journal is written first: what a crash leaves half done can be undone.
    func apply(_ plan: Plan, command: String) throws {
        guard !plan.changes.isEmpty else { return }
        if !plan.isEmpty { try Journal(folder: self).add(JournalEntry(command: command, plan: plan)) }
        for change in plan.changes {
            if change.before != change.after { try write(change.after, to: change.path) }
            try write(change.baseAfter, to: ".throughline/base/" + change.path)
        }
    }

    /// Writes a file in one step, or removes it and the folders that it leaves empty.
    func write(_ text: String?, to path: String) throws {
        let file = root.appending(path: path)
        guard let text else { return remove(file) }
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file, options: .atomic)
    }

    private func remove(_ file: URL) {
        try? FileManager.default.removeItem(at: file)
        var folder = file.deletingLastPathComponent()
        while folder.path(percentEncoded: false).count > root.path(percentEncoded: false).count,
            (try? FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false)))?.isEmpty == true
        {
            try? FileManager.default.removeItem(at: folder)
            folder.deleteLastPathComponent()
        }
    }
}
