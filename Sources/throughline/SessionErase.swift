import ArgumentParser
import NIOHTTP1

/// `throughline session erase`
struct SessionErase: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "erase", abstract: "Erases a session for good.",
        discussion: """
            Answers when the bytes are gone. The id is not used again. On a terminal it asks first.

            EXAMPLES:
              throughline session erase sea
              throughline session erase sea --yes
            """)

    @OptionGroup var options: SessionOptions

    @Argument(help: "The session's id.")
    var session: String

    @Flag(help: "Does not ask.")
    var yes = false

    @Flag(help: "Answers as JSON.")
    var json = false

    func run() async throws {
        let path = try ServerClient.path(session)
        if !yes {
            guard Terminal.isInteractive else {
                throw Failure("There is nobody to ask. Say --yes to erase \(session).", status: Failure.usage)
            }
            guard Terminal.confirm("Erase the session \(session) for good?") else {
                throw Failure("Nothing was erased.")
            }
        }
        _ = try await options.client.call(.DELETE, path)
        Terminal.print(json ? "{\"erased\":\"\(session)\"}" : "Erased \(session).")
    }
}
