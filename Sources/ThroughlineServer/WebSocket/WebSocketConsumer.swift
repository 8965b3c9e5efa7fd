package import NIOCore

/// What stands behind a WebSocket and gives its messages a meaning. All calls are on the connection's loop.
package protocol WebSocketConsumer: AnyObject {
    /// The way out. Set before `opened`; kept weakly, since the channel holds the consumer.
    var output: (any WebSocketOutput)? { get set }
    /// Whether binary messages are taken. Where they are not, the first frame of one closes the socket with 1003.
    var takesBinary: Bool { get }
    /// Whether more may be read from the socket. Who says no calls `takesMoreAgain` later.
    var isTakingMore: Bool { get }

    func opened()
    /// The bytes of a text that came in one frame, to be used only during the call. False leaves it to `received`.
    func receivedAtOnce(_ message: UnsafeBufferPointer<UInt8>) -> Bool
    /// One whole message. Whether a text is UTF-8 is the consumer's to check: it reads the bytes anyway.
    func received(_ message: [UInt8], isBinary: Bool)
    /// Nothing more has arrived for now.
    func receivedAll()
    func becameWritable()
    /// The server stops: the consumer ends what it began, and closes.
    func drain()
    func closed()
}

extension WebSocketConsumer {
    package func receivedAtOnce(_ message: UnsafeBufferPointer<UInt8>) -> Bool { false }
    package func receivedAll() {}
}

/// What a consumer needs from its channel. All calls are on the connection's loop.
package protocol WebSocketOutput: AnyObject {
    var isWritable: Bool { get }
    func send(_ frame: ByteBuffer)
    func flushIfNeeded()
    func close(_ code: UInt16, _ reason: String)
    func takesMoreAgain()
}
