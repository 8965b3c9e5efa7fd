import Foundation

/// Results as a table, for a terminal or a document.
struct BenchTable {
    let results: BenchResults

    private static let titles = [
        "", "work", "ours", "peer", "ratio", "must", "aim", "met", "CPU us/op ours", "peer", "limit of the machine",
    ]

    var text: String {
        let lines = [Self.titles] + results.rows.map(cells)
        let widths = Self.titles.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        let table = lines.map { cells in
            zip(cells, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }.joined(separator: "  ")
        }
        return (machine + table + notes).joined(separator: "\n")
    }

    var markdown: String {
        let rule = "|" + String(repeating: "---|", count: Self.titles.count)
        let lines = ([Self.titles] + results.rows.map(cells)).map { "| " + $0.joined(separator: " | ") + " |" }
        let remarks = notes.isEmpty ? [] : [""] + notes.map { "- " + $0 }
        return (machine + [""] + [lines[0], rule] + lines.dropFirst() + remarks).joined(separator: "\n")
    }

    private var machine: [String] {
        guard let machine = results.machine else { return [] }
        let (median, p99) = (Self.number(machine.synchronizeMedian), Self.number(machine.synchronizeP99))
        return [
            "\(machine.processors) processors, \(Int(machine.memoryGigabytes.rounded())) GB; 4 KiB written and fdatasync: p50 \(median) ms, "
                + "p99 \(p99) ms; \(machine.rounds) rounds of \(Self.number(machine.seconds)) s"
        ]
    }

    private func cells(_ row: BenchResults.Row) -> [String] {
        [
            row.id, row.work, value(row.ours, row.unit),
            row.peer.map { "\(value($0, row.unit)) (\(row.peerName ?? "peer"))" } ?? "",
            row.ratio.map { Self.number($0) + "x" } ?? "", goal(row.must, row), goal(row.aim, row), row.met,
            row.oursProcessor.map(Self.number) ?? "", row.peerProcessor.map(Self.number) ?? "",
            row.limit.map { "\(value($0, row.unit)) (\(row.limitName ?? ""))" } ?? "",
        ]
    }

    private var notes: [String] {
        results.rows.flatMap { row in
            row.problems.map { "WRONG  \(row.id): \($0)" } + row.remarks.map { "note   \(row.id): \($0)" }
        }
    }

    private func goal(_ goal: Double, _ row: BenchResults.Row) -> String {
        row.isRatio ? Self.number(goal) + "x" : value(goal, row.unit)
    }

    private func value(_ number: Double, _ unit: String) -> String {
        unit == "/s" ? Self.number(number) + unit : Self.number(number) + " " + unit
    }

    /// Three digits that matter, thousands set apart.
    static func number(_ number: Double) -> String {
        guard number.isFinite else { return "?" }
        if number >= 1_000 {
            var digits = String(Int(number.rounded()))
            for place in stride(from: digits.count - 3, to: 0, by: -3) {
                digits.insert(",", at: digits.index(digits.startIndex, offsetBy: place))
            }
            return digits
        }
        return String(format: number >= 100 ? "%.0f" : number >= 10 ? "%.1f" : "%.2f", number)
    }
}
