import ArgumentParser
import Configuration
import Foundation
import Logging
import NIOCore
import ThroughlineCore
import ThroughlineServer
import ThroughlineStorage

/// `throughline serve`
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Starts a server.",
        discussion: """
            A flag wins over the environment (THROUGHLINE_HOST, _PORT, _DATA, _UPSTREAM, _UPSTREAM_KEY, _MODEL, _DEV, _KEYS,
            _ALLOW_ORIGIN, _DEMO_AGENT, _WEBHOOK, _WEBHOOK_SECRET, _WEBHOOK_SECRET_FILE, _STREAM_LONG_POLL, _CONFIG), the environment over the JSON file that --config names (host, port, data,
            upstream, upstreamKey, model, dev, keys, allowOrigin, demoAgent, webhook, webhookSecret, webhookSecretFile, streamLongPoll), the file over the default.

            EXAMPLES:
              throughline serve --dev
              throughline serve --dev --upstream http://127.0.0.1:11434/v1 --model llama3.2
              throughline key create laptop --keys keys.json
              throughline serve --host 0.0.0.0 --keys keys.json --upstream https://api.openai.com/v1
            """)

    @Option(help: "Where to listen. Default: 127.0.0.1.")
    var host: String?

    @Option(help: "Default: 8080.")
    var port: Int?

    @Option(help: "The folder for everything it keeps. Default: ./throughline-data.")
    var data: String?

    @Option(help: "The base URL of an OpenAI-compatible server, /v1 included.")
    var upstream: String?

    @Option(help: "Its key. Others on this machine see flags: better use $THROUGHLINE_UPSTREAM_KEY.")
    var upstreamKey: String?

    @Option(help: "The upstream's model that answers the inputs which are addressed to nobody.")
    var model: String?

    @Flag(help: "Needs no keys, and listens on loopback only.")
    var dev = false

    @Flag(help: "Leaves the inputs to your own agents.")
    var noDemoAgent = false

    @Option(help: "The file of the keys that are let in; see throughline key.")
    var keys: String?

    @Option(help: "An origin whose pages may use this server. May be given more than once.")
    var allowOrigin: [String] = []

    @Option(
        help: "AGENT=URL: is called when work waits for this agent and it does not ask. May be given more than once.")
    var webhook: [String] = []

    @Option(help: "The file with the secret that signs such calls; or use $THROUGHLINE_WEBHOOK_SECRET.")
    var webhookSecretFile: String?

    @Option(help: "Seconds that a long-poll of a durable stream waits. Default: 25.")
    var streamLongPoll: Int?

    @Option(help: "A JSON file with settings.")
    var config: String?

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let file = config ?? environment["THROUGHLINE_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
        let settings = try await ServeSettings(flags: flags, environment: environment, file: file)
        try settings.check()
        var configuration = try settings.serverConfiguration()
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        let logger = Logger(label: "throughline")
        let store = try open(settings.data, logger)
        configuration.backup = { () throws(StoreError) in
            try store.backup(at: Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000)))
        }
        let server = try await ThroughlineServer.make(
            configuration: configuration, store: store, logger: logger,
            storeMetrics: { store.metrics.lines + Allocator.lines })
        do {
            try await server.run { port in
                let host = settings.host.contains(":") ? "[\(settings.host)]" : settings.host
                Terminal.complain("Throughline is at http://\(host):\(port)/, its data in \(settings.data)")
            }
        } catch {
            throw Self.failure(error, settings)
        }
    }

    private func open(_ folder: String, _ logger: Logger) throws -> EmbeddedLogStore {
        do throws(StoreError) {
            return try EmbeddedLogStore(directory: folder, logger: logger)
        } catch {
            throw DataCare.failure(error, folder)
        }
    }

    private static func failure(_ error: any Error, _ settings: ServeSettings) -> Failure {
        let said = "\(error)"
        if let error = error as? IOError, error.errnoCode == EADDRINUSE {
            return Failure(
                "Port \(settings.port) of \(settings.host) is in use. Stop what uses it, or choose another with --port."
            )
        }
        if let error = error as? IOError, error.errnoCode == EACCES {
            return Failure("Port \(settings.port) needs more rights. Choose one above 1023 with --port.")
        }
        return Failure("The server stopped: \(said)")
    }

    /// Only what was given.
    private var flags: [AbsoluteConfigKey: ConfigValue] {
        var flags: [AbsoluteConfigKey: ConfigValue] = [:]
        let texts: [(AbsoluteConfigKey, String?)] = [
            ("host", host), ("data", data), ("upstream", upstream), ("model", model), ("keys", keys),
            ("webhookSecretFile", webhookSecretFile),
        ]
        for (key, value) in texts { flags[key] = value.map { ConfigValue(.string($0), isSecret: false) } }
        flags["upstreamKey"] = upstreamKey.map { ConfigValue(.string($0), isSecret: true) }
        flags["streamLongPoll"] = streamLongPoll.map { ConfigValue(.int($0), isSecret: false) }
        flags["port"] = port.map { ConfigValue(.int($0), isSecret: false) }
        if dev { flags["dev"] = ConfigValue(.bool(true), isSecret: false) }
        if noDemoAgent { flags["demoAgent"] = ConfigValue(.bool(false), isSecret: false) }
        if !allowOrigin.isEmpty { flags["allowOrigin"] = ConfigValue(.stringArray(allowOrigin), isSecret: false) }
        if !webhook.isEmpty { flags["webhook"] = ConfigValue(.stringArray(webhook), isSecret: false) }
        return flags
    }
}
