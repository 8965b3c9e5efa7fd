public import ThroughlineEngine

/// How a server listens, who may, and what it offers.
public struct ServerConfiguration: Sendable {
    public var host: String
    public var port: Int
    /// No keys, loopback only.
    public var isDevelopment: Bool
    public var upstream: UpstreamConfiguration?
    /// Whether the demonstration agent answers when there is no model.
    public var hasDemoAgent: Bool
    /// Who may, unless `isDevelopment`.
    public var keys: KeyRing?
    /// Origins of pages that may use this server besides its own, for example `https://app.example.com`.
    public var allowedOrigins: [String]
    public var limits = TransportLimits()
    public var engine = EngineConfiguration()
    /// The agents to wake, where there are any.
    public var webhooks: WebhookConfiguration?
    /// What takes a backup of the store; `nil` when it cannot be backed up while it is in use.
    public var backup: BackupSource?

    public init(
        host: String = "127.0.0.1", port: Int = 8080, isDevelopment: Bool = false,
        upstream: UpstreamConfiguration? = nil, hasDemoAgent: Bool = true, keys: KeyRing? = nil,
        allowedOrigins: [String] = []
    ) {
        self.host = host
        self.port = port
        self.isDevelopment = isDevelopment
        self.upstream = upstream
        self.hasDemoAgent = hasDemoAgent
        self.keys = keys
        self.allowedOrigins = allowedOrigins
    }
}
