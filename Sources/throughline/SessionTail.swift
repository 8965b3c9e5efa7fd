import ArgumentParser
import NIOHTTP1
import ThroughlineCore

/// `throughline session tail`
struct SessionTail: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail", abstract: "Follows a session live, until it is interrupted.",
        discussion: """
            Begins with the last ten events, goes on when the connection is lost or the server restarts, and misses nothing.

            EXAMPLES:
              throughline session tail sea
              throughline session tail sea --from-start --json | jq -c .type
            """)

    @OptionGroup var options: SessionOptions

    @Argument(help: "The session's id.")
    var session: String

    @Flag(help: "Begins with the first event.")
    var fromStart = false

    @Flag(help: "The events as JSON, one a line.")
    var json = false

    func run() async throws {
        let client = options.client
        let snapshot = try await client.value(.GET, ServerClient.path(session, "?messages=2"))
        var printer = LivePrinter()
        var start = SequenceNumber.zero
        if !fromStart {
            let tail = UInt64(snapshot["seq"]?.integer ?? 0)
            start = SequenceNumber(json ? tail - min(tail, 10) : tail)
            if !json { Terminal.write(printer.begin(with: snapshot).utf8) }
        }
        try await EventFollower(client: client, session: session, after: start).follow { event in
            if json { Terminal.print(event.compactText) } else { Terminal.write(printer.take(event).utf8) }
            return true
        }
    }
}
