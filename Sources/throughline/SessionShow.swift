import ArgumentParser
import NIOHTTP1
import ThroughlineCore

/// `throughline session show`
struct SessionShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows a session as it is now.",
        discussion: """
            The conversation on the branch that is followed; then who answers, which agents are at work, what waits, what is asked, and
            who is here.

            EXAMPLES:
              throughline session show sea
              throughline session show sea --json | jq .runs
            """)

    @OptionGroup var options: SessionOptions

    @Argument(help: "The session's id.")
    var session: String

    @Flag(help: "The snapshot as JSON.")
    var json = false

    func run() async throws {
        let client = options.client
        let snapshot = try await client.value(.GET, ServerClient.path(session))
        if json { return Terminal.print(snapshot.compactText) }
        let situation = Situation(snapshot, presence: try await client.presence(of: session))
        let lines = [Transcript(snapshot).text] + situation.lines
        Terminal.print(Terminal.harmless(lines.joined(separator: "\n")))
    }
}
