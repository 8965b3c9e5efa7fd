public import ArgumentParser
import Foundation
public import ThroughlineBuilder

/// `throughline new`
struct New: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Makes a REST API project.",
        discussion: """
            The project is ordinary code that you keep. Without arguments, on a terminal, it asks.

            EXAMPLES:
              throughline new shop
              throughline new shop --target express --database postgres
            """)

    @Argument(help: "What the project is called, and its folder.")
    var name: String?

    @Option(help: "hummingbird (Swift) or express (Node.js).")
    var target: Project.Target?

    @Option(help: "memory (for prototypes) or postgres.")
    var database: Project.Database?

    @OptionGroup var changes: ChangeOptions

    func run() throws {
        let asks = name == nil && Terminal.isInteractive
        guard let name = try name ?? (asks ? Terminal.ask("What is the project called?", default: "api") : nil) else {
            throw Failure("A project needs a name: throughline new NAME", status: Failure.usage)
        }
        let target = try target ?? (asks ? Terminal.choose("Which target?", from: Project.Target.self) : .hummingbird)
        let database =
            try database ?? (asks ? Terminal.choose("Which database?", from: Project.Database.self) : .memory)
        let project = try Project(name: name, target: target, database: database)
        let root = URL(filePath: FileManager.default.currentDirectoryPath).appending(path: name)
        let isEmpty =
            (try? FileManager.default.contentsOfDirectory(atPath: root.path(percentEncoded: false)))?.isEmpty ?? true
        guard isEmpty else { throw Failure("There is a folder \(name) already, and it is not empty.") }

        let command = "throughline new \(name) --target \(target.rawValue) --database \(database.rawValue)"
        let folder = ProjectFolder(root: root)
        try changes.apply(folder.plan(to: project), to: folder, command: command)
        guard !changes.dryRun else { return }
        if asks { Terminal.print("\nThe same without questions:  \(command)") }
        Terminal.print("\nNext:")
        for step in nextSteps(project) { Terminal.print("   " + step) }
    }

    private func nextSteps(_ project: Project) -> [String] {
        var steps = ["cd \(project.name)", "throughline generate resource user 'name:string' 'email:string:unique'"]
        if project.target == .express { steps.append("npm install") }
        if project.database == .postgres {
            steps += ["cp .env.example .env      # says where the database is", "throughline migrate up"]
        }
        return steps + ["throughline dev"]
    }
}

extension Project.Target: ExpressibleByArgument {}
extension Project.Database: ExpressibleByArgument {}
