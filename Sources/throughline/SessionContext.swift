import ArgumentParser
import NIOHTTP1
import ThroughlineCore

/// `throughline session context`
struct SessionContext: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "context", abstract: "Prints a session's conversation as a model gets to read it, as JSON.",
        discussion: """
            EXAMPLES:
              throughline session context sea --tokens 8000
              throughline session context sea --branch i-42 | jq .messages
            """)

    @OptionGroup var options: SessionOptions

    @Argument(help: "The session's id.")
    var session: String

    @Option(help: "The last input of the branch. Default: of the one that is followed.")
    var branch: String?

    @Option(help: "What it may come to. Default: 128,000.")
    var tokens: Int?

    func run() async throws {
        var query: [String] = []
        if let branch {
            guard InputID(branch) != nil else {
                throw Failure("“\(branch)” is no id of an input.", status: Failure.usage)
            }
            query.append("branch=" + branch)
        }
        if let tokens { query.append("tokens=\(tokens)") }
        let path = "/context" + (query.isEmpty ? "" : "?" + query.joined(separator: "&"))
        Terminal.print(try await options.client.value(.GET, ServerClient.path(session, path)).compactText)
    }
}
