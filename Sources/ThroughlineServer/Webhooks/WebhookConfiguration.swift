import Foundation
public import NIOCore
public import ThroughlineCore

/// Agents that do not wait for work but are woken over HTTP. Only whoever runs the server names them: a client can make it call nobody.
public struct WebhookConfiguration: Sendable {
    public struct Target: Hashable, Sendable {
        public var agent: AgentName
        /// `http` or `https`.
        public var url: String

        /// From `agent=url`. `nil` where it is something else.
        public init?(_ text: String) {
            guard let equals = text.firstIndex(of: "="), let agent = AgentName(String(text[..<equals])) else {
                return nil
            }
            let url = String(text[text.index(after: equals)...])
            guard let parsed = URL(string: url), ["http", "https"].contains(parsed.scheme),
                parsed.host?.isEmpty == false,
                parsed.user == nil, url.utf8.count <= 2_048
            else { return nil }
            self.agent = agent
            self.url = url
        }
    }

    public static let maximumTargets = 64
    public static let minimumSecretBytes = 16

    /// One for each agent.
    public var targets: [Target]
    /// Signs every call.
    public var secret: [UInt8]
    /// For a whole call.
    public var timeout = TimeAmount.seconds(10)
    /// How often the work that waits is looked at.
    public var look = Duration.milliseconds(100)

    public init(targets: [Target], secret: [UInt8]) {
        self.targets = targets
        self.secret = secret
    }
}
