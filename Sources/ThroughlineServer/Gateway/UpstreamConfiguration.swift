public import NIOCore

/// An OpenAI-compatible model server and how to talk to it.
public struct UpstreamConfiguration: Sendable {
    /// With its version, for example `http://127.0.0.1:11434/v1`.
    public var baseURL: String
    /// Sent as a bearer key instead of the caller's.
    public var key: String?
    /// The model that answers inputs of sessions; `nil`: only the gateway uses the upstream.
    public var model: String?
    /// Whether a caller's `Authorization` goes upstream. Only ever true where this server has no keys of its own.
    public var forwardsCallerKey: Bool
    public var connectTimeout = TimeAmount.seconds(10)
    /// The longest silence, before the first byte and between two.
    public var idleTimeout = TimeAmount.seconds(300)
    /// The largest request of a caller.
    public var maximumRequest = 8 << 20
    /// The largest answer that is not streamed.
    public var maximumBody = 8 << 20
    /// The longest line and event of a stream.
    public var maximumFrame = 1 << 20
    /// Gateway runs at the same time.
    public var maximumRuns = 1_000
    /// The lease of a gateway's run; it is renewed three times in that time.
    public var leaseMilliseconds: Int64 = 10_000

    public init(baseURL: String, key: String? = nil, model: String? = nil, forwardsCallerKey: Bool = false) {
        var baseURL = baseURL
        while baseURL.hasSuffix("/") { baseURL.removeLast() }
        self.baseURL = baseURL
        self.key = key.flatMap { $0.isEmpty ? nil : $0 }
        self.model = model.flatMap { $0.isEmpty ? nil : $0 }
        self.forwardsCallerKey = forwardsCallerKey
    }
}
