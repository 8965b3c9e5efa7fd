import ArgumentParser
import NIOHTTP1
import ThroughlineCore

/// `throughline session fork`
struct SessionForkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fork", abstract: "Makes a new session of what one was after an event.",
        discussion: """
            Prints the new session's id. What was going on at that event is ended in the copy, and goes on in the original.

            EXAMPLES:
              throughline session fork sea
              throughline session fork sea --at 42 --to lake --title "Another way"
            """)

    @OptionGroup var options: SessionOptions

    @Argument(help: "The session's id.")
    var session: String

    @Option(help: "The seq of the last event to copy. Default: the last there is.")
    var at: UInt64?

    @Option(help: "The new session's id. Default: the server mints one.")
    var to: String?

    @Option(help: "The new session's title. Default: the original's.")
    var title: String?

    @Flag(help: "Answers as JSON.")
    var json = false

    func run() async throws {
        let body = JSONWriter.object {
            if let at { $0.field("at", at) }
            $0.field("id", to)
            $0.field("title", title)
        }
        let answer = try await options.client.value(.POST, ServerClient.path(session, "/fork"), body: body)
        Terminal.print(json ? answer.compactText : answer["session"]?["id"]?.string ?? "")
    }
}
