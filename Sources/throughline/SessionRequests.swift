import ArgumentParser
import Foundation
import NIOHTTP1
import ThroughlineCore

/// `throughline session requests`
struct SessionRequests: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "requests", abstract: "Lists what the agents of a session ask.",
        discussion: """
            Those that are open, unless --all is given.

            EXAMPLES:
              throughline session requests sea
              throughline session requests sea --all --json
            """)

    @OptionGroup var options: SessionOptions

    @Argument(help: "The session's id.")
    var session: String

    @Flag(help: "Also those that are over.")
    var all = false

    @Flag(help: "One JSON object a line.")
    var json = false

    func run() async throws {
        let snapshot = try await options.client.value(.GET, ServerClient.path(session))
        let requests = (snapshot["requests"]?.elements ?? []).filter { all || $0["state"]?.string == "open" }
        for request in requests {
            Terminal.print(json ? request.compactText : Terminal.harmless(Self.text(request)))
        }
        if requests.isEmpty, !json { Terminal.print("Nothing is asked.") }
    }

    static func text(_ request: JSONValue) -> String {
        let words = { (name: StaticString) in request[name]?.string ?? "" }
        var lines = ["\(words("id"))  \(words("kind"))  \(words("state"))  \(words("prompt"))"]
        if let arguments = request["arguments"] { lines.append("    with \(arguments.compactText)") }
        for choice in request["choices"]?.elements ?? [] {
            lines.append("    \(choice["id"]?.string ?? "")  \(choice["label"]?.string ?? "")")
        }
        if let answer = request["answer"] {
            lines.append("    \(answer["by"]?["id"]?.string ?? ""): \(answer["value"]?.compactText ?? "")")
        } else if request["state"]?.string == "open", let deadline = request["deadline"]?.integer {
            let date = Date(timeIntervalSince1970: Double(deadline) / 1_000).formatted(.iso8601)
            let fallback = request["default"].map { ", then \($0.compactText)" } ?? ""
            lines.append("    until \(date)\(fallback)")
        }
        return lines.joined(separator: "\n")
    }
}
