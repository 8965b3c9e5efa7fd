import Foundation

/// A mixed load for a long time: half of W4's rate, from agents that come, write and go, with readers that do the same and sessions
/// that are created and erased. What is to be seen is that nothing grows.
struct Soak {
    let workshop: Workshop
    let minutes: Double
    /// One line of JSON for each sample is appended here.
    let file: String?
    let picture: String?

    private static let load = ["soak", "--target", "ws", "--connections", "50", "--rate", "2500", "--readers", "50"]

    func run() async throws {
        let server = try await workshop.start(.ours)
        let output = try file.map(open)
        var samples: [LoadReport] = []
        Terminal.print(SoakTable.head)
        let arguments =
            Self.load + [
                "--port", "\(server.port)", "--server", "\(server.process.processID)", "--seconds", "\(minutes * 60)",
            ]
        try await workshop.eachLine(of: arguments) { line in
            let sample = try LoadReport(line)
            samples.append(sample)
            Terminal.print(SoakTable.line(sample))
            try output?.write(contentsOf: Data((line + "\n").utf8))
        }
        await server.stop()
        if let picture { try SoakChart(samples: samples).svg.write(toFile: picture, atomically: true, encoding: .utf8) }
        if let problem = samples.last?.problems.first { throw Failure("Some answers were wrong: \(problem).") }
    }

    private func open(_ file: String) throws -> FileHandle {
        guard FileManager.default.createFile(atPath: file, contents: nil),
            let handle = FileHandle(forWritingAtPath: file)
        else { throw Failure("\(file) cannot be written.") }
        return handle
    }

    /// The samples that an earlier run has written.
    static func read(_ file: String) throws -> [LoadReport] {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
            throw Failure("There is no file \(file).")
        }
        return try text.split(separator: "\n").map { try LoadReport(String($0)) }
    }
}

/// The samples as lines for people.
enum SoakTable {
    static let head =
        " minutes  appends/s  ack p50 ms  p99 ms  delivery p50 ms  p99 ms  RSS MB  files  cores  sessions  erased"

    static func line(_ sample: LoadReport) -> String {
        String(
            format: "%8.1f %10.0f %11.2f %7.2f %16.2f %7.2f %7.0f %6.0f %6.2f %9.0f %7.0f", sample["at_seconds"] / 60,
            sample["appends_per_second"], sample["ack_p50_us"] / 1e3, sample["ack_p99_us"] / 1e3,
            sample["delivery_p50_us"] / 1e3, sample["delivery_p99_us"] / 1e3, sample["resident_kb"] / 1024,
            sample["open_files"], sample["server_cores"], sample["sessions_created"], sample["sessions_erased"])
    }
}
