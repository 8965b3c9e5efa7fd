public import NIOCore

/// The transports' limits.
public struct TransportLimits: Sendable {
    public var bodyBytes = 1 << 20
    public var messageBytes = 1 << 20
    public var headerBytes = 32 << 10
    public var headerCount = 100
    /// From the start of a connection to the end of its first head.
    public var headTime = TimeAmount.seconds(10)
    /// From the head of a request to the end of its body. For streamed NDJSON `idleTime` counts instead, between pieces.
    public var bodyTime = TimeAmount.seconds(30)
    public var idleTime = TimeAmount.seconds(75)
    public var keepAlive = TimeAmount.seconds(15)
    public var pingInterval = TimeAmount.seconds(20)
    /// A WebSocket from which nothing has come for so long is closed.
    public var silence = TimeAmount.seconds(60)
    /// Requests of one WebSocket whose answers are not durable yet. Above, no more are read.
    public var pendingRequests = 1_024
    public var pendingBytes = 4 << 20
    public var attachments = 1_000
    /// Bytes that wait for a slow WebSocket; above, nothing more is taken for it.
    public var outboundBytes = 64 << 10
    /// The kernel's buffer for what a connection sends.
    public var sendBufferBytes = 64 << 10
    public var maximumWait = TimeAmount.seconds(60)
    public var maximumCommandWait = TimeAmount.seconds(30)
    public var connections = 18_000
    /// The largest body of a request on a durable stream.
    public var streamBodyBytes = 8 << 20
    /// How long a long-poll of a durable stream waits unless it asks for something else.
    public var longPoll = TimeAmount.seconds(25)
    /// After so long a durable stream's server-sent events end, so that caches can bring readers together.
    public var feedTime = TimeAmount.seconds(60)
    /// How many durable streams are read on one connection at once.
    public var joinedStreams = 100

    public init() {}
}
