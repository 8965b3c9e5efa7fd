import ArgumentParser
import NIOHTTP1
import ThroughlineCore

/// `throughline session show`
struct SessionShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows a session as it is now.",
        discussion: """
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
        let snapshot = try await options.client.value(.GET, ServerClient.path(session))
        Terminal.print(json ? snapshot.compactText : Terminal.harmless(Transcript(snapshot).text))
    }
}
