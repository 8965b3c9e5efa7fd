import Foundation

/// Finds the programs that a bench runs, and says how.
struct PeerPrograms: Sendable {
    private let redisPath: String?
    private let natsPath: String?

    init(redis: String?, nats: String?) {
        redisPath = redis ?? Self.onPath("redis-server")
        natsPath = nats ?? Self.existing(".venv-bench/bin/nats-server") ?? Self.onPath("nats-server")
    }

    /// This program.
    var ours: String { Bundle.main.executablePath ?? CommandLine.arguments[0] }

    /// The load client, which is built beside this program.
    var load: String { URL(fileURLWithPath: ours).deletingLastPathComponent().path + "/throughline-load" }

    func redis() throws -> String { try installed(redisPath, "redis-server", "--redis") }
    func nats() throws -> String { try installed(natsPath, "nats-server", "--nats") }

    private func installed(_ path: String?, _ name: String, _ option: String) throws -> String {
        if let path, FileManager.default.isExecutableFile(atPath: path) { return path }
        throw Failure("\(name) is not installed: run `make bench`, or name another with \(option).")
    }

    static func redisArguments(port: Int, folder: String) -> [String] {
        [
            "--port", "\(port)", "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "yes",
            "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0", "--maxclients", "15000",
            "--tcp-backlog", "4096",
        ]
    }

    static func natsConfiguration(port: Int, webSocket: Int) -> String {
        """
        listen: "127.0.0.1:\(port)"
        max_connections: 20000
        max_pending: 268435456
        write_deadline: "20s"
        websocket { listen: "127.0.0.1:\(webSocket)", no_tls: true }

        """
    }

    private static func existing(_ path: String) -> String? {
        FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }

    private static func onPath(_ name: String) -> String? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        return folders.lazy.compactMap { existing("\($0)/\(name)") }.first
    }
}
