import Foundation

/// The ratios as bars: how many times better than the peer, whichever way better is. A line marks where both are equal.
struct RatioChart {
    let results: BenchResults

    private static let left = 330.0, width = 900.0, line = 30.0, top = 64.0
    private static let colors = ["aim": "#1f8a5b", "must": "#3b78c4", "missed": "#c4623b"]
    private static let most = 8.0, least = 0.125

    private var rows: [BenchResults.Row] { results.rows.filter { $0.ratio != nil && $0.peerName != nil } }

    var svg: String {
        let height = Self.top + Double(rows.count) * Self.line + 40
        let bars = rows.enumerated().map { bar($1, at: Self.top + Double($0) * Self.line) }.joined()
        return """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(Int(Self.width))" height="\(Int(height))" \
            viewBox="0 0 \(Int(Self.width)) \(Int(height))" font-family="system-ui, sans-serif" font-size="13">
            <rect width="100%" height="100%" fill="#ffffff"/>
            <text x="16" y="26" font-size="17" font-weight="600" fill="#1c2430">Throughline beside its peers</text>
            <text x="16" y="46" fill="#5b6675">How many times better, medians of rounds in turn on one machine; to the right is better</text>
            \(legend)
            \(grid(height))\(bars)</svg>

            """
    }

    private var legend: String {
        let entries = [("aim", "meets the aim"), ("must", "meets the must"), ("missed", "misses it")]
        return entries.enumerated().map { place, entry in
            let x = Self.width - 424 + Double(place) * 136
            return """
                <rect x="\(x)" y="16" width="12" height="12" rx="2" fill="\(Self.colors[entry.0] ?? "")"/>\
                <text x="\(x + 17)" y="26" fill="#5b6675">\(entry.1)</text>

                """
        }.joined()
    }

    private func grid(_ height: Double) -> String {
        let marks = [
            (0.125, "1/8"), (0.25, "1/4"), (0.5, "1/2"), (1, "equal"), (2, "2 times"), (4, "4 times"), (8, "8 times"),
        ]
        return marks.map { factor, name in
            let x = Self.place(factor)
            let isOne = factor == 1
            return """
                <line x1="\(x)" x2="\(x)" y1="\(Self.top - 6)" y2="\(height - 30)" stroke="\(isOne ? "#1c2430" : "#dfe4ea")" \
                stroke-width="\(isOne ? 1.5 : 1)"/><text x="\(x)" y="\(height - 14)" text-anchor="middle" fill="#5b6675">\
                \(name)</text>

                """
        }.joined()
    }

    private func bar(_ row: BenchResults.Row, at y: Double) -> String {
        guard let ratio = row.ratio, ratio > 0, ratio.isFinite else { return "" }
        let better = row.isLessBetter ? 1 / ratio : ratio
        let (from, to) = (min(Self.place(better), Self.place(1)), max(Self.place(better), Self.place(1)))
        let color = Self.colors[row.met] ?? "#c4623b"
        return """
            <text x="16" y="\(y + 17)" fill="#1c2430"><tspan font-weight="600">\(row.id)</tspan> \
            <tspan fill="#5b6675">beside \(row.peerName ?? "")</tspan></text>
            <rect x="\(from)" y="\(y + 4)" width="\(max(to - from, 1))" height="18" rx="2" fill="\(color)"/>
            <text x="\(better >= 1 ? to + 6 : Self.place(1) + 6)" y="\(y + 17)" fill="#1c2430">\(BenchTable.number(better))x</text>

            """
    }

    private static func place(_ factor: Double) -> Double {
        let share = log(min(max(factor, least), most) / least) / log(most / least)
        return (left + share * (width - left - 70)).rounded()
    }
}
