import ArgumentParser
import NIOHTTP1
import ThroughlineCore

/// `throughline session stop`
struct SessionStop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "Stops what is going on in a session.",
        discussion: """
            Everything, unless a run, an input or an agent is named. Waits until the agents know.

            EXAMPLES:
              throughline session stop sea
              throughline session stop sea --agent demo
            """)

    @OptionGroup var options: SessionOptions
    @OptionGroup var target: CommandTarget

    @Argument(help: "The session's id.")
    var session: String

    @Flag(help: "The command as JSON.")
    var json = false

    func run() async throws {
        let answer = try await options.client.value(
            .POST, ServerClient.path(session, "/commands?wait=5"), body: target.command("cancel"))
        guard let command = answer["command"] else { throw Failure("The server's answer has no command.") }
        if json { return Terminal.print(command.compactText) }
        if command["state"]?.string == "rejected" {
            Terminal.print("There was nothing to stop (\(command["reason"]?.string ?? "nothing_active")).")
        } else {
            Terminal.print("Stopped.")
        }
    }
}
