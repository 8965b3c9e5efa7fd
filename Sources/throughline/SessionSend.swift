import ArgumentParser
import Foundation
import NIOHTTP1
import ThroughlineCore

/// `throughline session send`
struct SessionSend: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send", abstract: "Sends a text into a session, which is made if it is not there.",
        discussion: """
            With --wait it follows until the answer is there; the exit status is 1 if there was none.

            EXAMPLES:
              throughline session send sea "Why is the sea salty?"
              throughline session send sea "And rivers?" --wait
              throughline session send sea "Stop, lakes!" --follow-up interrupt
              git diff | throughline session send review -
            """)

    @OptionGroup var options: SessionOptions

    @Argument(help: "The session's id.")
    var session: String

    @Argument(help: "The text; - reads it from standard input.")
    var text: String

    @Option(help: "The agent it is for. Default: whoever takes it.")
    var agent: String?

    @Option(help: "What it does while a run is active: queue, merge, latest, interrupt, steer, reject or concurrent.")
    var followUp: String?

    @Flag(help: "Follows until it is answered.")
    var wait = false

    @Flag(help: "The server's answer, and with --wait the events, as JSON, one a line.")
    var json = false

    func run() async throws {
        let client = options.client
        let text = self.text == "-" ? Terminal.readAll() : self.text
        let id = "cli-" + UUID().uuidString.lowercased()
        _ = try await client.call(.PUT, ServerClient.path(session), body: Array("{}".utf8))
        let answer = try await client.value(
            .POST, ServerClient.path(session, "/inputs"), body: body(id: id, text: text))
        if json || !wait { Terminal.print(json ? answer.compactText : "Sent as \(id).") }
        guard wait, let sequence = answer["seq"]?.integer else { return }
        try await follow(client, input: id, from: SequenceNumber(UInt64(sequence)))
    }

    private func body(id: String, text: String) -> [UInt8] {
        JSONWriter.object {
            $0.field("id", id)
            $0.field("agent", agent)
            $0.field("followUp", followUp)
            $0.key("parts")
            $0.array([text]) { writer, text in
                writer.object {
                    $0.field("kind", "text")
                    $0.field("text", text)
                }
            }
        }
    }

    private func follow(_ client: ServerClient, input: String, from start: SequenceNumber) async throws {
        var printer = LivePrinter(onlyRunsOf: input)
        let follower = EventFollower(client: client, session: session, after: start)
        try await follower.follow { event in
            if json { Terminal.print(event.compactText) }
            let text = printer.take(event)
            if !json { Terminal.write(text.utf8) }
            return printer.outcome == nil
        }
        guard printer.outcome == "completed" else {
            throw Failure("There is no answer: the run \(printer.outcome ?? "is unknown").")
        }
    }
}
