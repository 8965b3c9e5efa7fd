import ArgumentParser
import ThroughlineBuilder

/// `throughline dev`
struct Dev: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs a project's API, and starts it again when its code changes.",
        discussion: """
            What does not build is shown, and the API of before goes on. If migrations have not run, it waits for them; it runs none
            itself. Ctrl-C stops the API as a server is stopped: what it has begun it finishes.

            EXAMPLES:
              throughline dev
              throughline dev --port 8080 --seed
            """)

    @Option(help: "Where the API listens. Else PORT says it, or it is 3000.")
    var port: UInt16?

    @Flag(help: "Begins with the items of seeds/.")
    var seed = false

    func run() throws {
        var environment: [String: String] = [:]
        if let port { environment["PORT"] = String(port) }
        if seed { environment["SEED"] = "true" }
        try DevLoop(ProjectPrograms(of: .current()), environment: environment).run()
    }
}
