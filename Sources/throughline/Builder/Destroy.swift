import ArgumentParser
import ThroughlineBuilder

/// `throughline destroy`
struct Destroy: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Takes a resource out of a project.",
        discussion: """
            EXAMPLE:
              throughline destroy resource user --dry-run
            """,
        subcommands: [DestroyResource.self])
}

/// `throughline destroy resource`
struct DestroyResource: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resource", abstract: "Deletes a resource's files, and writes a migration that drops its table.",
        discussion: """
            A file that you edited is not deleted: then nothing is, unless you say --force.

            EXAMPLES:
              throughline destroy resource user --dry-run
              throughline destroy resource user
            """)

    @Argument(help: "The resource: user.")
    var name: String

    @OptionGroup var changes: ChangeOptions

    @Flag(help: "Deletes edited files, too.")
    var force = false

    func run() throws {
        let folder = try ProjectFolder.current()
        let project = try folder.description()
        guard let resource = project.resource(named: name) else {
            let known = project.resources.map(\.singular.camel).joined(separator: ", ")
            throw Failure("There is no resource ‘\(name)’. Known: \(known.isEmpty ? "none" : known).")
        }
        let plan = try folder.plan(to: project.removing(resource))
        try changes.apply(plan, to: folder, command: "throughline destroy resource \(name)", force: force)
    }
}
