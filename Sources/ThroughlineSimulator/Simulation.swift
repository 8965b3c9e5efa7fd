import ThroughlineTestKit

/// One run of the simulator: a seed, and what came of it.
package struct Simulation {
    package var seed: UInt64
    package var steps: Int
    package var mutation: Mutation?

    package init(seed: UInt64, steps: Int, mutation: Mutation? = nil) {
        self.seed = seed
        self.steps = steps
        self.mutation = mutation
    }

    package struct Report: Sendable {
        package var counts: FaultCounts
        /// A fingerprint of everything that happened.
        package var trace: UInt64
        package var steps: Int
        package var restarts: Int
        package var sessions: Int
        package var events: Int
        package var checks: Int
        /// The promise that was broken, and after how many steps.
        package var violation: (step: Int, reason: String)?
    }

    /// - Parameter prints: Gets a line for each thing that happens.
    package func run(prints: ((String) -> Void)? = nil) -> Report {
        let trace = Trace(prints: prints)
        let world = World(seed: seed, mutation: mutation, trace: trace)
        var step = 0
        while step < steps, world.oracle.violation == nil {
            step += 1
            world.step()
        }
        if world.oracle.violation == nil { world.finish() }
        let oracle = world.oracle
        for session in oracle.sessions { for event in session.events { trace.mix(event) } }
        return Report(
            counts: world.counts, trace: trace.hash, steps: step, restarts: world.restarts,
            sessions: oracle.sessions.count, events: oracle.sessions.reduce(0) { $0 + $1.events.count },
            checks: oracle.checks, violation: oracle.violation.map { (step, $0) })
    }
}
