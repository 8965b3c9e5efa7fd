import ArgumentParser
import ThroughlineModelCheck

@main
struct ModelCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "throughline-model-check",
        abstract:
            "Visits every state that a small session can get into, and checks the rules of runs, inputs and commands.",
        discussion: """
            Two participants, two runs of one agent name, three inputs and three commands; leases run out, pauses end, holders are told
            or not, in every order. Build it with -c release: each level has several times the states of the one before.

            Example:
              throughline-model-check --depth 9
            """)

    @Option(help: "How many actions one after the other.")
    var depth = 8

    func run() throws {
        let report = Exploration.run(depth: depth) { report in
            print("depth \(report.depth): \(report.states) states, \(report.steps) steps")
        }
        if let violation = report.violation {
            print("broken: \(violation.rule)")
            for (number, action) in violation.path.enumerated() { print("  \(number + 1). \(action)") }
            throw ExitCode.failure
        }
        for action in report.idle { print("never did anything: \(action)") }
        for (code, count) in report.refused.sorted(by: { $0.key < $1.key }) { print("refused \(code): \(count)") }
        print(report.isComplete ? "nothing is left to visit" : "every state of \(depth) actions was visited")
    }
}
