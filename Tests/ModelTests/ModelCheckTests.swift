import Testing
import ThroughlineModelCheck

@Suite struct `Every state of a small session` {
    /// What a debug build visits in seconds; `throughline-model-check` goes on.
    @Test func `keeps the rules, with edits, branches, steps and messages`() {
        let report = Exploration.run(.wide, depth: 5)
        expect(report)
        #expect(report.refused["run_fenced"] != nil && report.refused["run_cancelled"] != nil)
    }

    /// To the end: nothing is left to visit. All of each kind at once take minutes, and are visited by hand.
    @Test(arguments: [(1, 1, 2), (2, 1, 0), (2, 0, 1)])
    func `keeps the rules until there is no other`(runs: Int, requests: Int, commands: Int) {
        let report = Exploration.run(.control(runs: runs, requests: requests, commands: commands))
        expect(report)
        #expect(report.isComplete)
    }

    private func expect(_ report: Exploration.Report) {
        if let violation = report.violation {
            Issue.record("\(violation.rule): \(violation.path.joined(separator: ", then "))")
        }
        #expect(report.states > 500)
    }
}
