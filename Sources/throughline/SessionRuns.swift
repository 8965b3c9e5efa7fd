import ArgumentParser
import NIOHTTP1
import ThroughlineCore

/// `throughline session runs`
struct SessionRuns: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runs", abstract: "Shows the agents at work, as a tree.",
        discussion: """
            Each with its id, which stop, pause, resume, steer and interrupt take as --run, and how far it is.

            EXAMPLES:
              throughline session runs sea
              throughline session runs sea --all
              throughline session runs sea --all --json | jq .usage
            """)

    @OptionGroup var options: SessionOptions

    @Argument(help: "The session's id.")
    var session: String

    @Flag(help: "Also those that have ended.")
    var all = false

    @Flag(help: "One JSON object a line.")
    var json = false

    func run() async throws {
        let snapshot = try await options.client.value(.GET, ServerClient.path(session))
        if json {
            for run in snapshot["runs"]?.elements ?? [] where all || run["ended"] == nil {
                Terminal.print(run.compactText)
            }
            return
        }
        let lines = Situation(snapshot).runs(all: all)
        Terminal.print(lines.isEmpty ? "Nobody is at work." : Terminal.harmless(lines.joined(separator: "\n")))
    }
}
