extension BenchCase {
    /// Every row, in the order of the table.
    static let all: [BenchCase] = appends + fanOut + reading + connections

    private static let appends = [
        BenchCase(
            id: "W1", work: "durable appends, 50 connections x 16 in flight, 1,000 sessions",
            ours: append(.ours, "ws"), peer: append(.redis, "redis"), limit: append(.groupCommit, "redis"),
            figures: [rate(must: 1, aim: 2)]),
        BenchCase(
            id: "W2", work: "one event a POST, keep-alive, 50 connections",
            ours: append(.ours, "http", ["--pipeline", "1"]), peer: append(.redis, "redis", ["--pipeline", "1"]),
            limit: append(.groupCommit, "redis", ["--pipeline", "1"]), figures: [rate(must: 0.7, aim: 1)]),
        BenchCase(
            id: "W3", work: "one agent, one append in flight",
            ours: append(.ours, "ws", single), peer: append(.redis, "redis", single),
            limit: append(.groupCommit, "redis", single),
            figures: [
                latency("p50", must: .ratio(must: 1.2, aim: 1.2)), latency("p99", must: .ratio(must: 1, aim: 0.25)),
            ]),
        BenchCase(
            id: "W4", work: "open loop, 100 agents x 50 a second",
            ours: append(.ours, "ws", paced), peer: append(.redis, "redis", paced),
            limit: append(.groupCommit, "redis", paced), figures: [latency("p99", must: .ratio(must: 1.5, aim: 0.7))]),
        BenchCase(
            id: "W6", work: "W1 over 100,000 sessions",
            ours: append(.ours, "ws", ["--sessions", "100000"]),
            peer: append(.ours, "ws", named: "itself over 1,000 sessions"),
            figures: [
                rate(must: 0.5, aim: 0.9),
                Figure(
                    suffix: "creates", field: "creates_per_second", unit: "/s",
                    goal: .absolute(must: 5_000, aim: 20_000)),
            ]),
    ]

    private static let fanOut = [
        BenchCase(
            id: "F1", work: "one session, 25 events a second, 1,000 readers",
            ours: fan(.ours, "ws", ["--rate", "25"]), peer: fan(.nats, "nats", ["--rate", "25"]),
            limit: fan(.relay, "raw", ["--rate", "25"]), figures: [latency("p50", must: .ratio(must: 1, aim: 0.6))]),
        BenchCase(
            id: "F2", work: "most deliveries a second, 1,000 readers",
            ours: fan(.ours, "ws"), peer: fan(.redis, "redis"), limit: fan(.relay, "raw"),
            figures: [rate(must: 0.7, aim: 1)]),
        BenchCase(
            id: "F4", work: "F1 with one stalled reader: the others",
            ours: fan(.ours, "ws", ["--rate", "25", "--history", "40000", "--stalled", "1"]),
            peer: fan(.ours, "ws", ["--rate", "25", "--history", "40000"], named: "itself without that reader"),
            figures: [latency("p99", must: .ratio(must: 1.2, aim: 1.05))]),
        BenchCase(
            id: "S1", work: "one session, 20 agents x 50 a second, 100 readers",
            ours: Trial(
                name: "Throughline", server: .ours,
                load: ["fanout", "--target", "ws", "--connections", "20", "--readers", "100", "--rate", "1000"]),
            figures: [latency("p99", unit: "ms", must: .absolute(must: 50, aim: 15))]),
    ]

    private static let reading = [
        BenchCase(
            id: "R1", work: "replay of 100,000 x 200 B from the start",
            ours: replay(.ours, "lines", []), peer: replay(.redis, "redis", []),
            figures: [rate(must: 0.7, aim: 1.5)]),
        BenchCase(
            id: "R2", work: "joining a session of 100,000 tokens of 8 B",
            ours: replay(.ours, "snapshot", ["--bytes", "8"]), peer: replay(.redis, "redis", ["--bytes", "8"]),
            figures: [latency("p50", unit: "ms", must: .absolute(must: 20, aim: 5))]),
        BenchCase(
            id: "R4", work: "kill -9, then restart with 100,000 sessions and 2 GB",
            ours: Trial(name: "Throughline", server: .ours, load: [], steps: .fillKillReady(fill)),
            figures: [
                Figure(
                    field: "ready_seconds", unit: "s", isLessBetter: true, goal: .absolute(must: 10, aim: 2))
            ]),
    ]

    private static let connections = [
        BenchCase(
            id: "R3", work: "10,000 connections dropped, all back with resume",
            ours: Trial(name: "Throughline", server: .ours, load: crowd("ws")),
            peer: Trial(name: "NATS WebSocket", server: .nats, load: crowd("nats")),
            figures: [
                Figure(
                    field: "resume_seconds", unit: "s", isLessBetter: true, goal: .absolute(must: 4, aim: 2))
            ]),
        BenchCase(
            id: "M1", work: "resident memory per idle WebSocket, 10,000",
            ours: Trial(
                name: "Throughline", server: .ours, load: crowd("ws") + ["--prefix", "crowd", "--existing", "1"],
                steps: .fillRestartLoad(["fill", "--sessions", "10000", "--events", "0", "--prefix", "crowd"])),
            peer: Trial(name: "NATS WebSocket", server: .nats, load: crowd("nats")),
            figures: [
                Figure(
                    field: "resident_kb_per_connection", unit: "KB", isLessBetter: true,
                    goal: .absolute(must: 20, aim: 8))
            ]),
    ]

    // What the rows are made of.

    private static let single = ["--connections", "1", "--pipeline", "1", "--sessions", "1"]
    private static let paced = ["--connections", "100", "--sessions", "100", "--rate", "5000"]
    private static let fill = ["fill", "--sessions", "100000", "--events", "60"]

    private static func append(
        _ server: Trial.Server, _ target: String, _ options: [String] = [], named name: String? = nil
    ) -> Trial {
        // The least group commit keeps nothing that could be read back.
        let verify: [String] = if case .groupCommit = server { ["--verify", "0"] } else { [] }
        return Trial(
            name: name ?? title(server), server: server, load: ["append", "--target", target] + options + verify)
    }

    private static func fan(
        _ server: Trial.Server, _ target: String, _ options: [String] = [], named name: String? = nil
    ) -> Trial {
        Trial(
            name: name ?? title(server), server: server,
            load: ["fanout", "--target", target, "--connections", "1", "--readers", "1000"] + options)
    }

    private static func replay(_ server: Trial.Server, _ target: String, _ options: [String]) -> Trial {
        Trial(
            name: title(server), server: server, load: ["replay", "--target", target, "--events", "100000"] + options)
    }

    private static func crowd(_ target: String) -> [String] { ["crowd", "--target", target, "--readers", "10000"] }

    private static func title(_ server: Trial.Server) -> String {
        switch server {
        case .ours: "Throughline"
        case .redis: "Redis, appendfsync always"
        case .nats: "NATS WebSocket"
        case .groupCommit: "least group commit"
        case .relay: "loopback relay"
        }
    }

    private static func rate(must: Double, aim: Double) -> Figure {
        Figure(field: "operations_per_second", unit: "/s", goal: .ratio(must: must, aim: aim))
    }

    private static func latency(_ percentile: String, unit: String = "ms", must goal: Figure.Goal) -> Figure {
        Figure(
            suffix: percentile, field: percentile + "_us", unit: unit, scale: 1e-3, isLessBetter: true, goal: goal)
    }
}
