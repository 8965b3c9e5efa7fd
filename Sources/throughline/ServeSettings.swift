import ArgumentParser
import Configuration
import Foundation
import NIOCore
import ThroughlineServer

/// What `throughline serve` is told: by flags, else by the environment, else by a file, else by default.
struct ServeSettings {
    var host: String
    var port: Int
    var data: String
    var upstream: String?
    var upstreamKey: String?
    var model: String?
    var isDevelopment: Bool
    var hasDemoAgent: Bool
    var keys: String?
    var allowedOrigins: [String]
    /// `agent=url`, each.
    var webhooks: [String]
    var webhookSecret: String?
    var webhookSecretFile: String?
    /// Seconds that a long-poll of a durable stream waits.
    var streamLongPoll: Int

    /// - Parameters:
    ///   - flags: What the command line said, by the names that the file has.
    ///   - file: The JSON file, if one is named.
    init(flags: [AbsoluteConfigKey: ConfigValue], environment: [String: String], file: String?) async throws {
        var providers: [any ConfigProvider] = [
            InMemoryProvider(name: "flags", values: flags),
            EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "throughline"),
        ]
        if let file { providers.append(try await Self.provider(file)) }
        let reader = ConfigReader(providers: providers)
        do {
            host = try await reader.fetchString(forKey: "host", default: "127.0.0.1")
            port = try await reader.fetchInt(forKey: "port", default: 8080)
            data = try await reader.fetchString(forKey: "data", default: "./throughline-data")
            upstream = try await reader.fetchString(forKey: "upstream")
            upstreamKey = try await reader.fetchString(forKey: "upstreamKey", isSecret: true)
            model = try await reader.fetchString(forKey: "model")
            isDevelopment = try await reader.fetchBool(forKey: "dev", default: false)
            hasDemoAgent = try await reader.fetchBool(forKey: "demoAgent", default: true)
            keys = try await reader.fetchString(forKey: "keys")
            webhooks = try await reader.fetchStringArray(forKey: "webhook", default: [])
            webhookSecret = try await reader.fetchString(forKey: "webhookSecret", isSecret: true)
            webhookSecretFile = try await reader.fetchString(forKey: "webhookSecretFile")
            streamLongPoll = try await reader.fetchInt(forKey: "streamLongPoll", default: 25)
            allowedOrigins = try await reader.fetchStringArray(forKey: "allowOrigin", default: [])
        } catch {
            throw Failure("A setting cannot be read: \(error)", status: Failure.usage)
        }
    }

    private static func provider(_ file: String) async throws -> any ConfigProvider {
        let place = ConfigReader(
            provider: InMemoryProvider(values: ["filePath": ConfigValue(.string(file), isSecret: false)]))
        do {
            return try await FileProvider<JSONSnapshot>(config: place)
        } catch {
            throw Failure("The file of settings \(file) cannot be read: \(error)", status: Failure.usage)
        }
    }

    /// Refuses what would be open to strangers.
    func check() throws {
        guard (0...65_535).contains(port) else { throw Failure("There is no port \(port).", status: Failure.usage) }
        guard (1...60).contains(streamLongPoll) else {
            throw Failure("--stream-long-poll is a number of seconds from 1 to 60.", status: Failure.usage)
        }
        if isDevelopment, !Self.isLoopback(host) {
            throw Failure(
                "With --dev there are no keys, so the server listens on loopback only, not on \(host). "
                    + "Leave --host out, or use --keys FILE instead of --dev.", status: Failure.usage)
        }
        if !isDevelopment, keys == nil {
            throw Failure(
                """
                The server needs to know who may use it.
                  On your own machine:  throughline serve --dev
                  For others:           throughline key create NAME --keys keys.json
                                        throughline serve --keys keys.json
                """, status: Failure.usage)
        }
        if let upstream {
            guard let url = URL(string: upstream), ["http", "https"].contains(url.scheme), url.host != nil else {
                throw Failure(
                    "--upstream is a URL such as http://127.0.0.1:11434/v1, not “\(upstream)”.", status: Failure.usage)
            }
        }
    }

    private func webhookConfiguration() throws -> WebhookConfiguration? {
        guard !webhooks.isEmpty else { return nil }
        let targets = try webhooks.map { text in
            guard let target = WebhookConfiguration.Target(text) else {
                throw Failure(
                    "--webhook is AGENT=URL such as bot=https://agents.example.com/wake, not “\(text)”.",
                    status: Failure.usage)
            }
            return target
        }
        guard targets.count <= WebhookConfiguration.maximumTargets, Set(targets.map(\.agent)).count == targets.count
        else {
            throw Failure(
                "--webhook is given once for an agent, and for \(WebhookConfiguration.maximumTargets) at most.",
                status: Failure.usage)
        }
        return WebhookConfiguration(targets: targets, secret: try secretOfWebhooks())
    }

    private func secretOfWebhooks() throws -> [UInt8] {
        var secret = webhookSecret
        if let webhookSecretFile {
            guard let data = FileManager.default.contents(atPath: webhookSecretFile) else {
                throw Failure("The file \(webhookSecretFile) cannot be read.", status: Failure.usage)
            }
            secret = String(decoding: data, as: UTF8.self)
        }
        let bytes = Array((secret ?? "").trimmingCharacters(in: .whitespacesAndNewlines).utf8)
        guard bytes.count >= WebhookConfiguration.minimumSecretBytes else {
            throw Failure(
                "--webhook needs a secret of \(WebhookConfiguration.minimumSecretBytes) characters or more: "
                    + "--webhook-secret-file FILE, or $THROUGHLINE_WEBHOOK_SECRET.", status: Failure.usage)
        }
        return bytes
    }

    private static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" || host == "::1" { return true }
        let numbers = host.split(separator: ".", omittingEmptySubsequences: false)
        return numbers.count == 4 && numbers[0] == "127" && numbers.allSatisfy { UInt8($0) != nil }
    }

    /// For the server. Reads the file of keys.
    func serverConfiguration() throws -> ServerConfiguration {
        let upstream = upstream.map {
            UpstreamConfiguration(
                baseURL: $0, key: upstreamKey, model: model, forwardsCallerKey: isDevelopment && upstreamKey == nil)
        }
        var configuration = ServerConfiguration(
            host: host, port: port, isDevelopment: isDevelopment, upstream: upstream,
            hasDemoAgent: isDevelopment && hasDemoAgent,
            keys: isDevelopment ? nil : try keys.map { try KeyFile(path: $0).read() }, allowedOrigins: allowedOrigins)
        configuration.webhooks = try webhookConfiguration()
        configuration.limits.longPoll = .seconds(Int64(streamLongPoll))
        return configuration
    }
}
