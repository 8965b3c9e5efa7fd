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

    @OptionGroup var order: AgentOrder

    @Argument(help: "What to go on with.")
    var text: String?

    func run() async throws { try await order.give("interrupt", text: text, done: "Interrupted.") }
}
