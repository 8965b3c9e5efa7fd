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

    @OptionGroup var order: AgentOrder

    func run() async throws { try await order.give("pause", done: "Paused.") }
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

    @OptionGroup var order: AgentOrder

    func run() async throws { try await order.give("resume", done: "It goes on.") }
}
