import ArgumentParser
import Foundation
import NIOHTTP1
import ThroughlineCore

/// `throughline session takeover`
struct SessionTakeover: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "takeover", abstract: "Takes the baton: you answer, and the agents wait.",
        discussion: """
            For operators: say so with --as. Agents' output ends where it is, and what comes in waits for you.

            EXAMPLES:
              throughline session takeover sea --as "olga; role=operator"
            """)

    @OptionGroup var options: SessionOptions

    @Argument(help: "The session's id.")
    var session: String

    @Flag(help: "The command as JSON.")
    var json = false

    func run() async throws {
        let command = try await options.client.command(on: session, verb: "takeover")
        if json { return Terminal.print(command.compactText) }
        Terminal.print("You have the baton.")
    }
}

/// `throughline session handback`
struct SessionHandback: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "handback", abstract: "Gives the baton back: the agents answer again.",
        discussion: """
            A note is a message that the agents and operators see, and nobody else.

            EXAMPLES:
              throughline session handback sea --as "olga; role=operator"
              throughline session handback sea "The refund is done." --as "olga; role=operator"
            """)

    @OptionGroup var options: SessionOptions

    @Argument(help: "The session's id.")
    var session: String

    @Argument(help: "A note to the agents.")
    var note: String?

    @Flag(help: "The command as JSON.")
    var json = false

    func run() async throws {
        let command = try await options.client.command(on: session, verb: "handback", text: note)
        if json { return Terminal.print(command.compactText) }
        Terminal.print("The agents answer again.")
    }
}

/// `throughline session say`
struct SessionSay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "say", abstract: "Says something as an operator.",
        discussion: """
            To everyone, or with --to only to agents and operators, or to operators.

            EXAMPLES:
              throughline session say sea "I am looking into it." --as "olga; role=operator"
              throughline session say sea "Offer a refund." --to agents --as "olga; role=operator"
            """)

    @OptionGroup var options: SessionOptions

    @Argument(help: "The session's id.")
    var session: String

    @Argument(help: "The text; - reads it from standard input.")
    var text: String

    @Option(help: "everyone, agents or operators.")
    var to = "everyone"

    @Option(help: "The id of an input that this answers; may be given several times.")
    var answering: [String] = []

    @Flag(help: "The message as JSON.")
    var json = false

    func validate() throws {
        guard Audience(rawValue: to) != nil else {
            throw ValidationError("--to is one of \(Audience.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
    }

    func run() async throws {
        let text = self.text == "-" ? Terminal.readAll() : self.text
        let answer = try await options.client.value(
            .POST, ServerClient.path(session, "/messages"), body: body(text))
        guard let message = answer["message"] else { throw Failure("The server's answer has no message.") }
        Terminal.print(json ? message.compactText : "Said.")
    }

    private func body(_ text: String) -> [UInt8] {
        JSONWriter.object {
            $0.field("id", "cli-" + UUID().uuidString.lowercased())
            $0.field("audience", to)
            writeTexts([text], to: &$0)
            if !answering.isEmpty {
                $0.key("answers")
                $0.array(answering) { $0.string($1) }
            }
        }
    }
}

private func writeTexts(_ texts: [String], to writer: inout JSONWriter) {
    writer.key("parts")
    writer.array(texts) { writer, text in
        writer.object {
            $0.field("kind", "text")
            $0.field("text", text)
        }
    }
}

extension ServerClient {
    /// Gives a command that is about the session as a whole.
    fileprivate func command(on session: String, verb: String, text: String? = nil) async throws -> JSONValue {
        let body = JSONWriter.object {
            $0.field("id", "cli-" + UUID().uuidString.lowercased())
            $0.field("verb", verb)
            if let text { writeTexts([text], to: &$0) }
        }
        let answer = try await value(.POST, Self.path(session, "/commands"), body: body)
        guard let command = answer["command"] else { throw Failure("The server's answer has no command.") }
        guard command["state"]?.string != "rejected" else {
            let holder = answer["baton"]?["by"]?["id"]?.string.map { ": \($0) has the baton" } ?? ""
            throw Failure("That was not possible (\(command["reason"]?.string ?? ""))\(holder).")
        }
        return command
    }
}
