import ArgumentParser
import Foundation

/// `throughline bench`
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measures this server beside its peers, in turn, on this machine.",
        discussion: """
            Starts a server of ours and the peer itself, each with a new folder, and drives both with the same load client, turn by
            turn. Prints medians, their ratio, the processor time an operation takes, and what the machine would allow. While it
            measures it checks that every acknowledgement is for something sent, comes once and in order, and that nothing is missing.
            `make bench` installs the peers first. docs/performance.md says how it measures, and what came of it.

            EXAMPLES:
              throughline bench
              throughline bench --only W1,F1 --rounds 1 --seconds 5
              throughline bench --json results.json --picture results.svg
              throughline bench --from results.json --markdown
              throughline bench --soak 60 --json soak.ndjson --picture soak.svg

            EXIT STATUS: 0 measured, 1 an answer was wrong or something failed, 2 wrong usage. A limit that is not met is no failure.
            """)

    @Option(help: "Rows to measure, separated by commas. Default: all.")
    var only: String?

    @Option(help: "Rounds of each row; the median counts.")
    var rounds = 3

    @Option(help: "Seconds of each measurement.")
    var seconds = 20.0

    @Option(help: "Writes each row here as JSON, as soon as it is measured.")
    var json: String?

    @Option(help: "Draws the results as SVG here.")
    var picture: String?

    @Flag(help: "Prints the table as Markdown.")
    var markdown = false

    @Option(help: "Measures nothing, but shows the results in this file.")
    var from: String?

    @Option(help: "Runs a mixed load for so many minutes, a sample each ten seconds.")
    var soak: Double?

    @Option(
        help: "Where the servers keep their data meanwhile. Default: a new folder in the system's for temporary files.")
    var folder: String?

    @Option(help: "Another program than the redis-server on PATH.")
    var redis: String?

    @Option(help: "Another program than .venv-bench/bin/nats-server.")
    var nats: String?

    func validate() throws {
        guard rounds >= 1, seconds >= 1 else { throw ValidationError("--rounds and --seconds are at least 1.") }
        if let soak, soak <= 0 { throw ValidationError("--soak takes minutes.") }
        if let unknown = wanted?.first(where: { name in !BenchCase.all.contains { $0.id == name } }) {
            throw ValidationError(
                "There is no row \(unknown). There are: \(BenchCase.all.map(\.id).joined(separator: ", ")).")
        }
    }

    func run() async throws {
        if let from { return try showAgain(from) }
        let workshop = try Workshop(folder: folder, redis: redis, nats: nats)
        let signals = workshop.stopsOnSignals()
        defer { withExtendedLifetime(signals) { workshop.close() } }
        if let soak { return try await Soak(workshop: workshop, minutes: soak, file: json, picture: picture).run() }
        var results = BenchResults(machine: try await machine(workshop))
        for row in BenchCase.all where wanted?.contains(row.id) ?? true {
            results.rows += try await BenchRunner(workshop: workshop, rounds: rounds, seconds: seconds).run(row)
            if let json { try results.write(json) }
        }
        try show(results)
        if results.rows.contains(where: { !$0.problems.isEmpty }) {
            throw Failure("Some answers were wrong: see above.")
        }
    }

    private func machine(_ workshop: Workshop) async throws -> BenchResults.Machine {
        Terminal.complain("the disk: fdatasync of a file that has its size already")
        let folder = try workshop.newFolder()
        let disk = try await workshop.runLoad(["disk", "--folder", folder, "--seconds", "\(min(seconds, 3))"])
        let process = ProcessInfo.processInfo
        return BenchResults.Machine(
            processors: process.activeProcessorCount, memoryGigabytes: Double(process.physicalMemory) / 1e9,
            synchronizeMedian: disk["p50_us"] / 1e3, synchronizeP99: disk["p99_us"] / 1e3, rounds: rounds,
            seconds: seconds)
    }

    private var wanted: [String]? {
        only?.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces).uppercased() }
    }

    /// What an earlier bench or soak has written.
    private func showAgain(_ file: String) throws {
        if let results = try? BenchResults.read(file) { return try show(results) }
        let samples = try Soak.read(file)
        Terminal.print(([SoakTable.head] + samples.map(SoakTable.line)).joined(separator: "\n"))
        if let picture { try SoakChart(samples: samples).svg.write(toFile: picture, atomically: true, encoding: .utf8) }
    }

    private func show(_ results: BenchResults) throws {
        let table = BenchTable(results: results)
        Terminal.print(markdown ? table.markdown : table.text)
        if let picture {
            try RatioChart(results: results).svg.write(toFile: picture, atomically: true, encoding: .utf8)
        }
    }
}
