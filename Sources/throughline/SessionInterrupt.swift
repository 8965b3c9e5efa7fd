import ArgumentParser

/// `throughline session interrupt`
struct SessionInterrupt: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "interrupt", abstract: "Ends what an agent is saying; its run goes on.",
        discussion: """
            The run has to be named where several are active. With a text, the agent goes on with that.

            EXAMPLES:
              throughline session interrupt sea
              throughline session interrupt sea "Shorter."
            """)

    @OptionGroup var options: SessionOptions
    @OptionGroup var target: CommandTarget

    @Argument(help: "The session's id.")
    var session: String

    @Argument(help: "What to go on with.")
    var text: String?

    @Option(help: "How many seconds to wait for the agent, up to 30.")
    var wait = 10

    @Flag(help: "The command as JSON.")
    var json = false

    func run() async throws {
        try await RunCommand(client: options.client, session: session, asJSON: json, done: "Interrupted.")
            .give(target.command("interrupt", text: text), wait: wait)
    }
}
