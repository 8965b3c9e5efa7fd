import ArgumentParser
import NIOHTTP1
import ThroughlineCore

/// `throughline session queue`
struct SessionQueue: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue", abstract: "Shows the inputs that wait, and changes their order.",
        discussion: """
            The first is handed out next. What others do to the queue shows here too.

            EXAMPLES:
              throughline session queue sea
              throughline session queue sea --move i-3 --before i-1
              throughline session queue sea --move i-1
              throughline session queue sea --edit i-2 --text "And lakes?"
              throughline session queue sea --withdraw i-2
            """)

    @OptionGroup var options: SessionOptions

    @Argument(help: "The session's id.")
    var session: String

    @Option(help: "Move this input, to the end or --before another.")
    var move: String?

    @Option(help: "The input before which the other goes.")
    var before: String?

    @Option(help: "Change what this input says.")
    var edit: String?

    @Option(help: "What it says from now on.")
    var text: String?

    @Option(help: "Withdraw this input.")
    var withdraw: String?

    @Flag(help: "The inputs as JSON, one a line.")
    var json = false

    func validate() throws {
        guard [move, edit, withdraw].compactMap({ $0 }).count <= 1 else {
            throw ValidationError("Name one of --move, --edit and --withdraw.")
        }
        guard before == nil || move != nil else { throw ValidationError("--before goes with --move.") }
        guard (text == nil) == (edit == nil) else { throw ValidationError("--edit and --text go together.") }
    }

    func run() async throws {
        let client = options.client
        if let input = move ?? edit {
            _ = try await client.call(.PATCH, try path(input), body: change)
        } else if let withdraw {
            _ = try await client.call(.DELETE, try path(withdraw))
        }
        try show(try await client.value(.GET, try ServerClient.path(session, "?messages=0")))
    }

    private func path(_ input: String) throws -> String {
        guard InputID(input) != nil else { throw Failure("“\(input)” is no id of an input.", status: Failure.usage) }
        return try ServerClient.path(session, "/inputs/" + input)
    }

    private var change: [UInt8] {
        JSONWriter.object {
            if let text {
                $0.key("parts")
                $0.array([text]) { writer, text in
                    writer.object {
                        $0.field("kind", "text")
                        $0.field("text", text)
                    }
                }
            } else {
                $0.key("before")
                if let before { $0.string(before) } else { $0.null() }
            }
        }
    }

    private func show(_ snapshot: JSONValue) throws {
        let queue = Self.waiting(in: snapshot)
        for input in queue { Terminal.print(json ? input.compactText : Terminal.harmless(Self.line(input))) }
        if queue.isEmpty, !json { Terminal.print("Nothing waits.") }
    }

    /// The inputs that wait, in the order in which they are handed out.
    static func waiting(in snapshot: JSONValue) -> [JSONValue] {
        var inputs: [String: JSONValue] = [:]
        for input in snapshot["inputs"]?.elements ?? [] { inputs[input["id"]?.string ?? ""] = input }
        return (snapshot["queue"]?.elements ?? []).compactMap { $0.string.flatMap { inputs[$0] } }
    }

    static func line(_ input: JSONValue) -> String {
        let texts = (input["parts"]?.elements ?? []).compactMap { $0["text"]?.string }
        let said = texts.joined(separator: " ").split(whereSeparator: \.isNewline).joined(separator: " ")
        let policy = input["followUp"]?.string.map { " [\($0)]" } ?? ""
        let to = input["agent"]?.string.map { " to \($0)" } ?? ""
        return "\(input["id"]?.string ?? "")  \(input["by"]?["id"]?.string ?? "")\(to)\(policy): \(said.prefix(120))"
    }
}
