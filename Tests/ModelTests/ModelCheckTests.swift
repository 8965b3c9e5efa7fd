import Testing
import ThroughlineModelCheck

@Suite struct `Every state of a small session` {
    /// What a debug build visits in seconds; `throughline-model-check` goes on.
    @Test func `keeps the rules`() {
        let report = Exploration.run(depth: 5)
        if let violation = report.violation {
            Issue.record("\(violation.rule): \(violation.path.joined(separator: ", then "))")
        }
        #expect(report.states > 1_000)
        #expect(report.refused["run_fenced"] != nil && report.refused["run_cancelled"] != nil)
    }
}
