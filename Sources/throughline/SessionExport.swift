import ArgumentParser
import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import ThroughlineCore

/// `throughline session export`
struct SessionExport: AsyncParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable { case ndjson, json, markdown }

    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Writes a session to standard output.",
        discussion: """
            EXAMPLES:
              throughline session export sea > sea.ndjson
              throughline session export sea --format markdown > sea.md
            """)

    @OptionGroup var options: SessionOptions

    @Argument(help: "The session's id.")
    var session: String

    @Option(help: "ndjson: every event; json: the state as it is now; markdown: the transcript.")
    var format = Format.ndjson

    @Flag(help: "The same as --format json, where no other format is given.")
    var json = false

    func run() async throws {
        switch format {
        case .ndjson where !json:
            try await writeEvents()
        case .ndjson, .json:
            Terminal.print(try await options.client.value(.GET, ServerClient.path(session)).compactText)
        case .markdown:
            let snapshot = try await options.client.value(.GET, ServerClient.path(session))
            Terminal.print(Transcript(snapshot).markdown)
        }
    }

    private func writeEvents() async throws {
        let client = options.client
        let response = try await client.open(
            .GET, ServerClient.path(session, "/events"), accept: "application/x-ndjson")
        guard response.status.code < 300 else {
            throw ServerClient.refusal(try await client.whole(response), status: response.status.code)
        }
        do {
            for try await buffer in response.body { Terminal.write(buffer.readableBytesView) }
        } catch {
            throw Failure("The export was cut off: \(error).", status: Failure.unreachable)
        }
    }
}
