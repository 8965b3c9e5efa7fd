import ArgumentParser
import ThroughlineBuilder

/// `throughline generate`
struct Generate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Adds to a project, or brings it up to date.",
        discussion: """
            EXAMPLES:
              throughline generate resource user 'name:string' 'email:string:unique' 'age:int?' 'role:enum(admin,member)=member'
              throughline generate project --dry-run
            """,
        subcommands: [GenerateResource.self, GenerateProject.self])
}

/// `throughline generate resource`
struct GenerateResource: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resource", abstract: "Adds a resource with five endpoints, or changes the fields of one.",
        discussion: """
            A field is name:type[?][=default][:unique|:index]. Types: string, text, int, double, decimal, bool, date, datetime,
            uuid, json, enum(a,b), or the name of a resource, which makes a relation; behind that stands :restrict (the default),
            :cascade or :setnull for what happens when the other item is deleted. A ? makes it optional. In a shell, put a field
            in quotes.

            For a resource that is there already, name all the fields that it should have: the migration follows, and your edits stay.
            A field with a new name is a new field, and what the old one held is gone, unless --rename says which was which.

            EXAMPLES:
              throughline generate resource user 'name:string' 'email:string:unique' 'age:int?'
              throughline generate resource project 'title:string' 'owner:users:cascade' 'status:enum(open,done)=open'
              throughline generate resource person 'name:string' --plural people
              throughline generate resource user 'fullName:string' 'email:string:unique' --rename name:fullName
            """)

    @Argument(help: "What one of them is called: user, blogPost.")
    var name: String

    @Argument(help: "The fields.")
    var fields: [String]

    @Option(help: "What many of them are called, where it is not said by the rules of English.")
    var plural: String?

    @Option(
        help:
            "old:new, for a field that is called otherwise from now on, and keeps what it holds. May be there more than once."
    )
    var rename: [String] = []

    @OptionGroup var changes: ChangeOptions

    func run() throws {
        let folder = try ProjectFolder.current()
        let known = try folder.description().resource(named: name)
        let resource = try Resource(
            known?.singular.camel ?? name, plural: plural ?? known?.plural.camel,
            fields: fields.map { try FieldGrammar.parse($0) })
        let project = try folder.description().adding(resource)
        let before = try folder.generatedDescription()?.resources.first { $0.singular == resource.singular }
        let renames = try rename.map { try FieldRename($0, from: before, to: resource) }
        var command = "throughline generate resource \(name) \(fields.map { "'\($0)'" }.joined(separator: " "))"
        if let plural { command += " --plural \(plural)" }
        for text in rename { command += " --rename \(text)" }
        try changes.apply(folder.plan(to: project, renames: renames), to: folder, command: command)
        guard !changes.dryRun else { return }
        for rename in renames { sayWhereItIsCalled(rename.old.name, in: folder) }
        Terminal.print("")
        PlanReport.endpoints([resource])
        let next = project.database == .postgres ? "throughline migrate up, then throughline dev" : "throughline dev"
        Terminal.print("\nNext: \(next). Back: throughline undo.")
    }
}

extension GenerateResource {
    /// An edit that speaks of a field by its old name is its owner's to change.
    private func sayWhereItIsCalled(_ name: String, in folder: ProjectFolder) {
        let paths = folder.editedPaths(saying: name)
        if !paths.isEmpty { Terminal.print("\n‘\(name)’ is said still in: \(paths.joined(separator: ", "))") }
    }
}

/// `throughline generate project`
struct GenerateProject: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "project", abstract: "Writes all files anew from throughline.json, and keeps your edits.",
        discussion: """
            After an edit of throughline.json, a change of templates, or a new version of the builder.

            EXAMPLES:
              throughline generate project --dry-run
              throughline generate project --database postgres
            """)

    @Option(help: "From now on the items are kept there: in memory, or in postgres.")
    var database: Project.Database?

    @OptionGroup var changes: ChangeOptions

    @Flag(help: "Deletes files that are not needed any more even if they were edited.")
    var force = false

    func run() throws {
        let folder = try ProjectFolder.current()
        var project = try folder.description()
        project.database = database ?? project.database
        let option = database.map { " --database \($0.rawValue)" } ?? ""
        let plan = try folder.plan(to: project)
        try changes.apply(plan, to: folder, command: "throughline generate project" + option, force: force)
    }
}
