import Foundation

/// Samples of a soak as lines over time, one small picture above the other.
struct SoakChart {
    let samples: [LoadReport]

    private struct Panel {
        var title: String
        var lines: [(name: String, color: String, values: [Double])]
    }

    private static let width = 900.0, panelHeight = 130.0, left = 64.0, right = 20.0, top = 40.0, gap = 44.0

    private var panels: [Panel] {
        [
            Panel(title: "resident memory, MB", lines: [("", "#3b78c4", samples.map { $0["resident_kb"] / 1024 })]),
            Panel(title: "open files", lines: [("", "#3b78c4", samples.map { $0["open_files"] })]),
            Panel(
                title: "acknowledgement, ms",
                lines: [
                    ("p99", "#c4623b", samples.map { $0["ack_p99_us"] / 1e3 }),
                    ("p50", "#1f8a5b", samples.map { $0["ack_p50_us"] / 1e3 }),
                ]),
            Panel(
                title: "delivery to readers, ms",
                lines: [
                    ("p99", "#c4623b", samples.map { $0["delivery_p99_us"] / 1e3 }),
                    ("p50", "#1f8a5b", samples.map { $0["delivery_p50_us"] / 1e3 }),
                ]),
            Panel(title: "appends a second", lines: [("", "#3b78c4", samples.map { $0["appends_per_second"] })]),
        ]
    }

    private var minutes: Double { (samples.last?["at_seconds"] ?? 0) / 60 }

    var svg: String {
        let height = Self.top + Double(panels.count) * (Self.panelHeight + Self.gap)
        let drawn = panels.enumerated().map { draw($1, at: Self.top + Double($0) * (Self.panelHeight + Self.gap)) }
        return """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(Int(Self.width))" height="\(Int(height))" \
            viewBox="0 0 \(Int(Self.width)) \(Int(height))" font-family="system-ui, sans-serif" font-size="12">
            <rect width="100%" height="100%" fill="#ffffff"/>
            <text x="16" y="24" font-size="16" font-weight="600" fill="#1c2430">\(Int(minutes.rounded())) minutes of agents, \
            readers and sessions that come and go</text>
            \(drawn.joined())</svg>

            """
    }

    private func draw(_ panel: Panel, at y: Double) -> String {
        let top = panel.lines.flatMap(\.values).max() ?? 1
        let scale = Self.rounded(up: max(top, 1e-9))
        let bottom = y + 20 + Self.panelHeight - 30
        let lines = panel.lines.map { line in
            let points = line.values.enumerated().map { place, value in
                let share = line.values.count < 2 ? 0 : Double(place) / Double(line.values.count - 1)
                let x = Self.left + share * (Self.width - Self.left - Self.right)
                return String(format: "%.1f,%.1f", x, bottom - value / scale * (Self.panelHeight - 30))
            }
            return
                "<polyline fill=\"none\" stroke=\"\(line.color)\" stroke-width=\"1.5\" points=\"\(points.joined(separator: " "))\"/>\n"
        }
        let legend = panel.lines.map { $0.name.isEmpty ? "" : "<tspan fill=\"\($0.color)\">  \($0.name)</tspan>" }
            .joined()
        return """
            <text x="\(Self.left)" y="\(y + 12)" font-weight="600" fill="#1c2430">\(panel.title)\(legend)</text>
            \(grid(from: y + 20, to: bottom, scale))\(lines.joined())
            """
    }

    private func grid(from y: Double, to bottom: Double, _ scale: Double) -> String {
        let marks = [(0.0, bottom), (0.5, (y + bottom) / 2), (1.0, y)].map { share, at in
            """
            <line x1="\(Self.left)" x2="\(Self.width - Self.right)" y1="\(at)" y2="\(at)" stroke="#dfe4ea"/>\
            <text x="\(Self.left - 8)" y="\(at + 4)" text-anchor="end" fill="#5b6675">\(BenchTable.number(share * scale))</text>

            """
        }
        return marks.joined() + """
            <text x="\(Self.left)" y="\(bottom + 16)" fill="#5b6675">0</text>\
            <text x="\(Self.width - Self.right)" y="\(bottom + 16)" text-anchor="end" fill="#5b6675">\
            \(BenchTable.number(minutes)) min</text>

            """
    }

    /// 1, 2 or 5 times a power of ten.
    private static func rounded(up value: Double) -> Double {
        let power = pow(10, floor(log10(value)))
        return [1, 2, 5, 10].map { $0 * power }.first { $0 >= value } ?? value
    }
}
