import ArgumentParser
import ThroughlineModelCheck

@main
struct ModelCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "throughline-model-check",
        abstract: "Visits every state that a small session can get into, and checks the rules in each.",
        discussion: """
            Two participants, two runs of one agent name, two requests, three commands and an operator's baton; leases run out, pauses
            end, deadlines come, holders are told or not, in every order, until nothing is left to visit. With --depth it goes
            only so far, and takes edits, branches, steps and messages in. Build it with -c release.

            EXAMPLES:
              throughline-model-check
              throughline-model-check --commands 2 --requests 1
              throughline-model-check --depth 8
            """)

    @Option(help: "How many actions one after the other, of the wider model, which has no end.")
    var depth: Int?

    @Option(help: "How many runs, up to 2.")
    var runs = 2

    @Option(help: "How many requests, up to 2.")
    var requests = 2

    @Option(help: "How many commands, up to 3, beside those about the baton.")
    var commands = 3

    func run() throws {
        let model = depth == nil ? Model.control(runs: runs, requests: requests, commands: commands) : .wide
        let report = Exploration.run(model, depth: depth ?? .max) { report in
            print("depth \(report.depth): \(report.states) states, \(report.steps) steps")
        }
        if let violation = report.violation {
            print("broken: \(violation.rule)")
            for (number, action) in violation.path.enumerated() { print("  \(number + 1). \(action)") }
            throw ExitCode.failure
        }
        for action in report.idle { print("never did anything: \(action)") }
        for (code, count) in report.refused.sorted(by: { $0.key < $1.key }) { print("refused \(code): \(count)") }
        print("\(report.states) states, \(report.steps) steps")
        print(report.isComplete ? "nothing is left to visit" : "every state of \(report.depth) actions was visited")
    }
}
