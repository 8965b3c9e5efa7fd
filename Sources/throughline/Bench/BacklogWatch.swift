import Foundation

/// Samples how many records of a server have not moved to SQLite, to see whether they get more and more.
actor BacklogWatch {
    private struct Sample {
        var milliseconds: Double
        var records: Double
    }

    /// Of a shorter time than this nothing can be said: segments move as a whole.
    private static let leastSeconds = 10.0
    /// What a few segments hold; the number goes up and down by so much.
    private static let leastGrowth = 400_000.0

    private let server: ServerClient
    private var samples: [Sample] = []

    init(port: Int) { server = ServerClient(server: "http://127.0.0.1:\(port)", key: nil, participant: nil) }

    func run() async {
        while !Task.isCancelled {
            if let records = await backlog() {
                samples.append(Sample(milliseconds: Date().timeIntervalSince1970 * 1_000, records: records))
            }
            try? await Task.sleep(for: .milliseconds(500))
        }
    }

    private func backlog() async -> Double? {
        guard let bytes = try? await server.read("/metrics") else { return nil }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, words[0] == "throughline_store_backlog_records" { return Double(words[1]) }
        }
        return nil
    }

    /// A sentence when there was more at the end of the measured time than in its middle.
    func growth(from: Double, to: Double) -> String? {
        let third = (to - from) / 3
        guard third * 3 >= Self.leastSeconds * 1_000 else { return nil }
        let middle = mean(from + third, from + 2 * third)
        let last = mean(from + 2 * third, to)
        guard last > middle * 1.25, last - middle > Self.leastGrowth else { return nil }
        return "the records that have not moved to SQLite grew from \(Int(middle)) to \(Int(last))"
    }

    private func mean(_ from: Double, _ to: Double) -> Double {
        let chosen = samples.filter { $0.milliseconds >= from && $0.milliseconds < to }.map(\.records)
        return chosen.isEmpty ? 0 : chosen.reduce(0, +) / Double(chosen.count)
    }
}
