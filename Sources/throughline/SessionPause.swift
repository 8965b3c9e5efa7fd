import ArgumentParser

/// `throughline session pause`
struct SessionPause: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Asks an agent to stop until it is resumed.",
        discussion: """
            The run has to be named where several are active. While it is paused it writes nothing, and the inputs behind it wait.

            EXAMPLES:
              throughline session pause sea
              throughline session pause sea --run r-7f
            """)

    @OptionGroup var options: SessionOptions
    @OptionGroup var target: CommandTarget

    @Argument(help: "The session's id.")
    var session: String

    @Option(help: "How many seconds to wait for the agent, up to 30.")
    var wait = 10

    @Flag(help: "The command as JSON.")
    var json = false

    func run() async throws {
        try await RunCommand(client: options.client, session: session, asJSON: json, done: "Paused.")
            .give(target.command("pause"), wait: wait)
    }
}

/// `throughline session resume`
struct SessionResume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Lets a paused agent go on.",
        discussion: """
            The run has to be named where several are active.

            EXAMPLES:
              throughline session resume sea
            """)

    @OptionGroup var options: SessionOptions
    @OptionGroup var target: CommandTarget

    @Argument(help: "The session's id.")
    var session: String

    @Option(help: "How many seconds to wait for the agent, up to 30.")
    var wait = 10

    @Flag(help: "The command as JSON.")
    var json = false

    func run() async throws {
        try await RunCommand(client: options.client, session: session, asJSON: json, done: "It goes on.")
            .give(target.command("resume"), wait: wait)
    }
}
