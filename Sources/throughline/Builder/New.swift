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
              throughline new shop --auth jwt
              throughline new assistant --target express --sessions
            """)

    @Argument(help: "What the project is called, and its folder.")
    var name: String?

    @Option(help: "hummingbird (Swift) or express (Node.js).")
    var target: Project.Target?

    @Option(help: "memory (for prototypes) or postgres.")
    var database: Project.Database?

    @Option(help: "none, or jwt: bearer tokens, and items that belong to who created them.")
    var auth: Project.Auth?

    @Flag(help: "Gives it conversations, whose sessions live in Throughline, and a chat page.")
    var sessions = false

    @OptionGroup var changes: ChangeOptions

    func run() throws {
        let asks = name == nil && Terminal.isInteractive
        guard let name = try name ?? (asks ? Terminal.ask("What is the project called?", default: "api") : nil) else {
            throw Failure("A project needs a name: throughline new NAME", status: Failure.usage)
        }
        let target = try target ?? (asks ? Terminal.choose("Which target?", from: Project.Target.self) : .hummingbird)
        let database =
            try database ?? (asks ? Terminal.choose("Which database?", from: Project.Database.self) : .memory)
        let auth = try auth ?? (asks ? Terminal.choose("Who may use it?", from: Project.Auth.self) : Project.Auth.none)
        var project = try Project(
            name: name, target: target, database: database, auth: auth, hasSessions: sessions)
        if sessions {
            let conversation = try Resource(Project.conversation, fields: [FieldGrammar.parse("title:string?")])
            project = try project.adding(conversation)
        }
        let root = URL(filePath: FileManager.default.currentDirectoryPath).appending(path: name)
        let isEmpty =
            (try? FileManager.default.contentsOfDirectory(atPath: root.path(percentEncoded: false)))?.isEmpty ?? true
        guard isEmpty else { throw Failure("There is a folder \(name) already, and it is not empty.") }

        var command = "throughline new \(name) --target \(target.rawValue) --database \(database.rawValue)"
        if auth != .none { command += " --auth \(auth.rawValue)" }
        if sessions { command += " --sessions" }
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
        if project.database == .postgres || project.auth == .jwt {
            steps.append("cp .env.example .env      # the settings")
        }
        if project.database == .postgres { steps.append("throughline migrate up") }
        if project.hasSessions { steps.append("throughline serve --dev &  # keeps the sessions") }
        return steps + ["throughline dev"]
    }
}

extension Project.Target: ExpressibleByArgument {}
extension Project.Database: ExpressibleByArgument {}
extension Project.Auth: ExpressibleByArgument {}
