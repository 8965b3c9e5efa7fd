import Foundation

/// What a bench has found so far.
struct BenchResults: Codable {
    var machine: Machine?
    var rows: [Row] = []

    /// Where the figures are from.
    struct Machine: Codable {
        var processors: Int
        var memoryGigabytes: Double
        /// Writing 4 KiB over zeros and fdatasync, milliseconds.
        var synchronizeMedian: Double
        var synchronizeP99: Double
        var rounds: Int
        var seconds: Double
    }

    /// One figure: medians of the rounds, and what they mean.
    struct Row: Codable {
        var id: String
        var work: String
        var unit: String
        var ours: Double
        var peer: Double?
        var peerName: String?
        /// Ours over the peer's.
        var ratio: Double?
        /// What the machine would allow.
        var limit: Double?
        var limitName: String?
        /// Goals for the ratio, or else for our own figure.
        var must: Double
        var aim: Double
        var isRatio: Bool
        var isLessBetter: Bool
        /// Processor time of the server for an operation, microseconds.
        var oursProcessor: Double?
        var peerProcessor: Double?
        var oursRounds: [Double]
        var peerRounds: [Double]
        /// Sessions and events read back and compared after the rounds.
        var verifiedEvents: Double
        /// What was wrong with the answers. Empty, or the figures count for nothing.
        var problems: [String]
        /// What else should be known.
        var remarks: [String]
        /// `aim`, `must` or `missed`.
        var met: String

        /// What is compared with the goals.
        var judged: Double { isRatio ? ratio ?? .nan : ours }
    }

    static func read(_ file: String) throws -> BenchResults {
        guard let data = FileManager.default.contents(atPath: file) else { throw Failure("There is no file \(file).") }
        do { return try JSONDecoder().decode(Self.self, from: data) } catch {
            throw Failure("\(file) holds no results of `throughline bench --json`.")
        }
    }

    func write(_ file: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        do { try encoder.encode(self).write(to: URL(fileURLWithPath: file)) } catch {
            throw Failure("\(file) cannot be written.")
        }
    }
}

extension Sequence<Double> {
    var median: Double {
        let sorted = self.sorted()
        guard !sorted.isEmpty else { return .nan }
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}
