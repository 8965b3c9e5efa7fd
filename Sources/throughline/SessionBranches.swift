import ArgumentParser
import Foundation
import NIOHTTP1
import ThroughlineCore

/// `throughline session branches`
struct SessionBranches: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "branches", abstract: "Shows where a conversation divides, and turns to another branch.",
        discussion: """
            Inputs that stand beside each other are one block; the one that is followed, by everybody, has a star. An input that was taken is
            edited by one beside it, and another answer to it is the same input again, beside it.

            EXAMPLES:
              throughline session branches sea
              throughline session branches sea --follow i-2
              throughline session branches sea --edit i-2 --text "And lakes?"
              throughline session branches sea --again i-2
            """)

    @OptionGroup var options: SessionOptions

    @Argument(help: "The session's id.")
    var session: String

    @Option(help: "Follow this input, and not those beside it.")
    var follow: String?

    @Option(help: "Send another version of this input, beside it.")
    var edit: String?

    @Option(help: "What it says from now on.")
    var text: String?

    @Option(help: "Ask for another answer to this input.")
    var again: String?

    @Flag(help: "The branches as JSON, one a line.")
    var json = false

    func validate() throws {
        guard [follow, edit, again].compactMap({ $0 }).count <= 1 else {
            throw ValidationError("Name one of --follow, --edit and --again.")
        }
        guard (text == nil) == (edit == nil) else { throw ValidationError("--edit and --text go together.") }
    }

    func run() async throws {
        try await change()
        let snapshot = try await options.client.value(.GET, ServerClient.path(session))
        let branches = snapshot["branches"]?.elements ?? []
        if json {
            for branch in branches { Terminal.print(branch.compactText) }
            return
        }
        let inputs = snapshot["inputs"]?.elements ?? []
        let blocks = branches.map { Self.block($0, of: inputs).joined(separator: "\n") }
        Terminal.print(
            blocks.isEmpty ? "The conversation does not divide." : Terminal.harmless(blocks.joined(separator: "\n\n")))
    }

    private func change() async throws {
        let client = options.client
        if let follow {
            let body = JSONWriter.object { $0.field("input", follow) }
            _ = try await client.call(.POST, ServerClient.path(session, "/branch"), body: body)
        } else if let again {
            guard InputID(again) != nil else {
                throw Failure("“\(again)” is no id of an input.", status: Failure.usage)
            }
            let body = JSONWriter.object { $0.field("id", Self.mint()) }
            _ = try await client.call(.POST, ServerClient.path(session, "/inputs/\(again)/regenerate"), body: body)
        } else if let edit, let text {
            let body = JSONWriter.object {
                $0.field("id", Self.mint())
                $0.field("replaces", edit)
                $0.key("parts")
                $0.array([text]) { writer, text in
                    writer.object {
                        $0.field("kind", "text")
                        $0.field("text", text)
                    }
                }
            }
            _ = try await client.call(.POST, ServerClient.path(session, "/inputs"), body: body)
        }
    }

    private static func mint() -> String { "cli-" + UUID().uuidString.lowercased() }

    private static func block(_ branch: JSONValue, of inputs: [JSONValue]) -> [String] {
        let siblings = branch["siblings"]?.elements.compactMap(\.string) ?? []
        return siblings.compactMap { id in
            guard let input = inputs.first(where: { $0["id"]?.string == id }) else { return nil }
            let star = id == branch["selected"]?.string ? "* " : "  "
            let kind = input["regenerates"]?.boolean == true ? " [another answer]" : ""
            return star + SessionQueue.line(input) + kind
        }
    }
}
