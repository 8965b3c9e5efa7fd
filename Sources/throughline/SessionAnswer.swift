import ArgumentParser
import Foundation
import NIOHTTP1
import ThroughlineCore

/// `throughline session answer`
struct SessionAnswer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "answer", abstract: "Answers what an agent asks.",
        discussion: """
            An approval with yes or no, a choice with its id, anything else with a text, or with JSON where --json-value is given. The
            exit status is 1 where somebody was faster.

            EXAMPLES:
              throughline session answer sea delete-it yes --note "only the old ones"
              throughline session answer sea colour blue
              throughline session answer sea seats '{"seats": 2}' --json-value
            """)

    @OptionGroup var options: SessionOptions

    @Argument(help: "The session's id.")
    var session: String

    @Argument(help: "The request's id.")
    var request: String

    @Argument(help: "The answer.")
    var value: String

    @Flag(help: "The answer is JSON.")
    var jsonValue = false

    @Option(help: "A word to the agent.")
    var note: String?

    @Option(help: "The digest of the arguments that you saw. Default: of those that the request has now.")
    var digest: String?

    @Flag(help: "The request as JSON.")
    var json = false

    func run() async throws {
        guard AgentRequestID(request) != nil else {
            throw Failure("“\(request)” is no id of a request.", status: Failure.usage)
        }
        let client = options.client
        let path = try ServerClient.path(session, "/requests/\(request)")
        guard let asked = try await client.value(.GET, path)["request"] else {
            throw Failure("The server's answer has no request.")
        }
        let body = try body(for: asked)
        guard let answered = try await client.value(.POST, path + "/answer", body: body)["request"] else {
            throw Failure("The server's answer has no request.")
        }
        Terminal.print(json ? answered.compactText : "Answered.")
    }

    private func body(for asked: JSONValue) throws -> [UInt8] {
        let value = try answer(to: asked["kind"]?.string)
        return JSONWriter.object {
            $0.field("id", "cli-" + UUID().uuidString.lowercased())
            $0.field("value", raw: value)
            $0.field("digest", digest ?? asked["digest"]?.string)
            $0.field("note", note)
        }
    }

    private func answer(to kind: String?) throws -> [UInt8] {
        if jsonValue {
            guard (try? JSONDocument.parse(Array(value.utf8))) != nil else {
                throw Failure("The answer is no JSON.", status: Failure.usage)
            }
            return Array(value.utf8)
        }
        guard kind == "approval" else { return JSONWriter.value { $0.string(value) } }
        switch value.lowercased() {
        case "yes", "y", "true": return Array("true".utf8)
        case "no", "n", "false": return Array("false".utf8)
        default: throw Failure("An approval is answered with yes or no.", status: Failure.usage)
        }
    }
}
