import ArgumentParser
import NIOHTTP1
import ThroughlineCore

/// `throughline session people`
struct SessionPeople: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "people", abstract: "Shows who is here: people with their devices, and agents at work.",
        discussion: """
            Those who follow the session now, and those who have said so within the last seconds.

            EXAMPLES:
              throughline session people sea
              throughline session people sea --json | jq -r .id
            """)

    @OptionGroup var options: SessionOptions

    @Argument(help: "The session's id.")
    var session: String

    @Flag(help: "One JSON object a line, one for each device.")
    var json = false

    func run() async throws {
        let presence = try await options.client.presence(of: session)
        if json {
            for one in presence { Terminal.print(one.compactText) }
            return
        }
        let lines = Situation.people(presence)
        Terminal.print(lines.isEmpty ? "Nobody is here." : Terminal.harmless(lines.joined(separator: "\n")))
    }
}

extension ServerClient {
    /// Who is in a session now.
    func presence(of session: String) async throws -> [JSONValue] {
        try await value(.GET, Self.path(session, "/presence"))["presence"]?.elements ?? []
    }
}
