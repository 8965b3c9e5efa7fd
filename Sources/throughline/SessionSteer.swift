import ArgumentParser

/// `throughline session steer`
struct SessionSteer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "steer", abstract: "Tells the agent at work something more, without stopping it.",
        discussion: """
            The run has to be named where several are active. Waits until the agent has taken it in.

            EXAMPLES:
              throughline session steer sea "In one sentence, please."
              throughline session steer sea "And lakes?" --or-send
            """)

    @OptionGroup var options: SessionOptions
    @OptionGroup var target: CommandTarget

    @Argument(help: "The session's id.")
    var session: String

    @Argument(help: "The text; - reads it from standard input.")
    var text: String

    @Flag(help: "Send it as an input if no run takes it in.")
    var orSend = false

    @Option(help: "How many seconds to wait for the agent, up to 30.")
    var wait = 10

    @Flag(help: "The command as JSON.")
    var json = false

    func run() async throws {
        let text = self.text == "-" ? Terminal.readAll() : self.text
        let command = target.command("steer", text: text, otherwise: orSend ? "input" : nil)
        try await RunCommand(client: options.client, session: session, asJSON: json, done: "Taken in.")
            .give(command, wait: wait)
    }
}
