import ThroughlineSimulator

/// What all runs did together.
struct Summary {
    private(set) var runs = 0
    private(set) var failed = 0
    private var counts = FaultCounts()
    private var steps = 0
    private var restarts = 0
    private var sessions = 0
    private var events = 0
    private var checks = 0

    mutating func add(_ report: Simulation.Report, seed: UInt64) {
        runs += 1
        if report.violation != nil { failed += 1 }
        counts.add(report.counts)
        steps += report.steps
        restarts += report.restarts
        sessions += report.sessions
        events += report.events
        checks += report.checks
    }

    var hasEveryFault: Bool { counts.missing.isEmpty }

    func print() {
        Swift.print(
            "\(steps) steps, \(restarts) starts of the server, \(sessions) sessions, \(events) events, \(checks) checks"
        )
        for fault in Fault.allCases { Swift.print("\(counts[fault])  \(fault.rawValue)") }
        let missing = counts.missing
        if !missing.isEmpty { Swift.print("never: \(missing.map(\.rawValue).joined(separator: ", "))") }
        Swift.print("seeds: \(runs - failed) passed, \(failed) failed")
    }
}
