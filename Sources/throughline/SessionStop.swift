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

    @Argument(help: "The session's id.")
    var session: String

    @Option(help: "Only this run, and those below it.")
    var run: String?

    @Option(help: "Only this input: withdrawn, or its run stopped.")
    var input: String?

    @Option(help: "Only this agent.")
    var agent: String?

    @Flag(help: "Only what came from inputs of yours.")
    var mine = false

    @Flag(help: "The command as JSON.")
    var json = false

    func validate() throws {
        let targets = [run != nil, input != nil, agent != nil, mine].filter { $0 }
        guard targets.count <= 1 else { throw ValidationError("Name one of --run, --input, --agent and --mine.") }
    }

    func run() async throws {
        let answer = try await options.client.value(
            .POST, ServerClient.path(session, "/commands?wait=5"), body: command)
        guard let command = answer["command"] else { throw Failure("The server's answer has no command.") }
        if json { return Terminal.print(command.compactText) }
        if command["state"]?.string == "rejected" {
            Terminal.print("There was nothing to stop (\(command["reason"]?.string ?? "nothing_active")).")
        } else {
            Terminal.print("Stopped.")
        }
    }

    private var command: [UInt8] {
        JSONWriter.object {
            $0.field("verb", "cancel")
            $0.key("target")
            $0.object { target in
                if let run {
                    target.field("run", run)
                } else if let input {
                    target.field("input", input)
                } else if let agent {
                    target.field("agent", agent)
                } else {
                    target.key(mine ? "mine" : "all")
                    target.boolean(true)
                }
            }
        }
    }
}
