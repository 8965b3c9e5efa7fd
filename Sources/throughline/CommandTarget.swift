import ArgumentParser
import NIOHTTP1
import ThroughlineCore

/// Which runs or inputs a command is for.
struct CommandTarget: ParsableArguments {
    @Option(help: "Only this run, and those below it.")
    var run: String?

    @Option(help: "Only this input: withdrawn, or the run that answers it.")
    var input: String?

    @Option(help: "Only this agent.")
    var agent: String?

    @Flag(help: "Only what came from inputs of yours.")
    var mine = false

    func validate() throws {
        let targets = [run != nil, input != nil, agent != nil, mine].filter { $0 }
        guard targets.count <= 1 else { throw ValidationError("Name one of --run, --input, --agent and --mine.") }
    }

    /// A command as JSON.
    ///
    /// - Parameter text: What it says.
    func command(_ verb: String, text: String? = nil, otherwise: String? = nil) -> [UInt8] {
        JSONWriter.object {
            $0.field("verb", verb)
            $0.key("target")
            $0.object { write(to: &$0) }
            if let text {
                $0.key("parts")
                $0.array([text]) { writer, text in
                    writer.object {
                        $0.field("kind", "text")
                        $0.field("text", text)
                    }
                }
            }
            $0.field("otherwise", otherwise)
        }
    }

    private func write(to target: inout JSONWriter) {
        if let run {
            target.field("run", run)
        } else if let input {
            target.field("input", input)
        } else if let agent {
            target.field("agent", agent)
        } else {
            target.key(mine ? "mine" : "all")
            target.boolean(true)
        }
    }
}

/// What every order to an agent is given with.
struct AgentOrder: ParsableArguments {
    @OptionGroup var options: SessionOptions
    @OptionGroup var target: CommandTarget

    @Argument(help: "The session's id.")
    var session: String

    @Option(help: "How many seconds to wait for the agent, up to 30.")
    var wait = 10

    @Flag(help: "The command as JSON.")
    var json = false

    /// Gives it, and says what became of it.
    func give(_ verb: String, text: String? = nil, done: String) async throws {
        try await RunCommand(client: options.client, session: session, asJSON: json, done: done)
            .give(target.command(verb, text: text), wait: wait)
    }
}

/// Gives an order to a run that is active, and says what became of it.
struct RunCommand {
    let client: ServerClient
    let session: String
    let asJSON: Bool
    /// What to say once it is applied.
    let done: String

    /// Waits so many seconds for the agent.
    func give(_ command: [UInt8], wait: Int) async throws {
        let answer = try await client.value(
            .POST, try ServerClient.path(session, "/commands?wait=\(wait)"), body: command)
        guard let command = answer["command"] else { throw Failure("The server's answer has no command.") }
        if asJSON { Terminal.print(command.compactText) }
        let reason = Self.words(for: command["reason"]?.string ?? "")
        let input = command["input"]?.string.map { " It was sent as the input \($0)." } ?? ""
        switch command["state"]?.string {
        case "applied": say(done)
        case "accepted": say("Asked for; the agent has not answered yet (command \(command["id"]?.string ?? "")).")
        case "expired": throw Failure("The agent did not take it up (\(reason)).\(input)")
        default: throw Failure("That was not possible (\(reason)).\(input)")
        }
    }

    /// Why a command was not possible.
    static func words(for reason: String) -> String {
        let words: [String: String] = [
            "nothing_active": "nobody is at work", "run_ended": "the run had ended",
            "several_active": "several are at work: name one with --run, `throughline session runs` lists them",
            "not_supported": "this agent does not understand it", "input_queued": "nobody has taken that input yet",
            "run_queued": "it waits for an agent to take it on",
            "run_paused": "it is paused, or about to be", "run_not_paused": "it is not paused",
            "run_resuming": "it goes on already", "baton_held": "another operator answers",
            "baton_not_held": "the agents answer already", "superseded": "a newer one came",
            "timeout": "its time was up", "resumed": "it was resumed first",
        ]
        return words[reason] ?? reason
    }

    private func say(_ text: String) { if !asJSON { Terminal.print(text) } }
}
