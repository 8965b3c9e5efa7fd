import ArgumentParser
import Foundation
import ThroughlineSimulator

@main
struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "throughline-simulate",
        abstract: "Runs the engine and the store on simulated time and a simulated disk, and checks every promise.",
        discussion: """
            A seed is one run: the order of everything, every fault, every answer. A seed that fails fails again.

            Examples:
              throughline-simulate --seeds 1...1000        a thousand runs
              throughline-simulate --seed 42 --trace       one run again, with everything that happens
              throughline-simulate --forever               new seeds until one fails
              throughline-simulate --seeds 1...50 --mutation no-log-sync
                                                           with a fault in the server that has to be noticed
              throughline-simulate --streams --seeds 1...200
                                                           durable streams instead of sessions
            """)

    @Option(help: "One seed.")
    var seed: UInt64?

    @Option(help: "Seeds, as FIRST...LAST.")
    var seeds: String?

    @Option(help: "Steps of each run.")
    var steps = 2_000

    @Flag(help: "Go on with new seeds until one fails.")
    var forever = false

    @Flag(help: "Durable streams instead of sessions: producers that retry, closes, forks, crashes.")
    var streams = false

    @Flag(help: "Print everything that happens.")
    var trace = false

    @Flag(help: "Fail when a kind of fault never happened.")
    var everyFault = false

    @Option(help: "A fault in the server: \(Mutation.allCases.map(\.rawValue).joined(separator: ", ")).")
    var mutation: Mutation?

    func validate() throws {
        guard steps > 0 else { throw ValidationError("--steps is at least 1.") }
        guard [seed != nil, seeds != nil, forever].filter({ $0 }).count == 1 else {
            throw ValidationError("Give one of --seed, --seeds and --forever.")
        }
        if let seeds, Self.range(seeds) == nil {
            throw ValidationError("--seeds is FIRST...LAST, for example 1...1000.")
        }
    }

    func run() throws {
        Self.makeHashingRepeatable()
        if streams { return try runStreams() }
        var summary = Summary()
        CrashNote.install()
        for seed in chosenSeeds {
            CrashNote.set(
                "seed \(seed) crashes; again: throughline-simulate --seed \(seed) --steps \(steps)\(mutationArgument)")
            let prints: ((String) -> Void)? = trace ? { print($0) } : nil
            let report = Simulation(seed: seed, steps: steps, mutation: mutation).run(prints: prints)
            summary.add(report, seed: seed)
            defer { fflush(nil) }
            if let violation = report.violation {
                print("seed \(seed) fails at step \(violation.step): \(violation.reason)")
                print("again: throughline-simulate --seed \(seed) --steps \(steps)\(mutationArgument) --trace")
                if forever { break }
            } else if self.seed != nil {
                print("seed \(seed) holds, trace \(String(report.trace, radix: 16))")
            }
            if forever, summary.runs % 100 == 0 { print("\(summary.runs) seeds hold, the last was \(seed)") }
        }
        summary.print()
        if summary.failed > 0 || everyFault && !summary.hasEveryFault { throw ExitCode.failure }
    }

    private func runStreams() throws {
        var outcomes: [String: Int] = [:]
        var (runs, failed) = (0, 0)
        for seed in chosenSeeds {
            let simulation = StreamSimulation(seed: seed, mutation: mutation)
            simulation.run(steps: steps)
            runs += 1
            for (name, count) in simulation.outcomes.all { outcomes[name, default: 0] += count }
            if let violation = simulation.violation {
                failed += 1
                print("seed \(seed) fails: \(violation)")
                print("again: throughline-simulate --streams --seed \(seed) --steps \(steps)\(mutationArgument)")
                if forever { break }
            }
        }
        for (name, count) in outcomes.sorted(by: { $0.key < $1.key }) { print("\(count)  \(name)") }
        print("seeds: \(runs - failed) passed, \(failed) failed")
        if failed > 0 || everyFault && outcomes.values.contains(0) { throw ExitCode.failure }
    }

    private var mutationArgument: String { mutation.map { " --mutation \($0.rawValue)" } ?? "" }

    private var chosenSeeds: any Sequence<UInt64> {
        if let seed { return [seed] }
        if let range = seeds.flatMap(Self.range) { return range }
        return sequence(first: UInt64.random(in: 1...(1 << 48))) { $0 + 1 }
    }

    private static func range(_ text: String) -> ClosedRange<UInt64>? {
        let ends = text.components(separatedBy: "...").map { UInt64($0) }
        guard ends.count == 2, let first = ends[0], let last = ends[1], first <= last else { return nil }
        return first...last
    }

    /// Swift seeds its hash tables by chance, and their order is part of what happens: starts again with that off.
    private static func makeHashingRepeatable() {
        let name = "SWIFT_DETERMINISTIC_HASHING"
        guard getenv(name) == nil else { return }
        setenv(name, "1", 1)
        var arguments = CommandLine.arguments.map { strdup($0) } + [nil]
        execv("/proc/self/exe", &arguments)
        print("the simulator cannot start itself again: \(String(cString: strerror(errno)))")
    }
}

extension Mutation: ExpressibleByArgument {}
