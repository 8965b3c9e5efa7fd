public import NIOCore
import Synchronization
public import ThroughlineCore

/// A reader of one durable stream, woken when there is more, when the stream is closed and when it is gone.
public final class StreamReader: WakingReader {
    public let stream: DurableStream
    let mailbox: Mailbox
    let wake: @Sendable () -> Void

    /// - Parameter wake: Runs on the mailbox's loop. Spurious calls are possible.
    public init(_ stream: DurableStream, mailbox: Mailbox, wake: @escaping @Sendable () -> Void) {
        self.stream = stream
        self.mailbox = mailbox
        self.wake = wake
    }
}

/// A stretch of a stream. All readers at the same place share one, and what a transport encodes of it.
public final class StreamSlice: Sendable {
    public let after: StreamOffset
    public let last: StreamOffset
    /// The messages as a reader gets them: see ``StreamBody``.
    public let body: ByteBuffer
    /// Whether nothing was behind it when it was made.
    public let isAtTail: Bool
    /// Whether the stream is closed, and this is its end.
    public let isClosed: Bool
    private let encoded = Mutex<(event: ByteBuffer, key: String, whole: ByteBuffer)?>(nil)

    init(after: StreamOffset, last: StreamOffset, body: ByteBuffer, isAtTail: Bool, isClosed: Bool) {
        self.after = after
        self.last = last
        self.body = body
        self.isAtTail = isAtTail
        self.isClosed = isClosed && isAtTail
    }

    /// The slice as a server-sent event with another behind it, which hardly ever differs from one reader to the next. Made once for
    /// all who follow the stream's end; what somebody catches up with is not kept.
    ///
    /// - Parameter key: The same for the same ending.
    public func encoded(
        _ event: (StreamSlice) -> ByteBuffer, ending: () -> ByteBuffer, key: String
    ) -> ByteBuffer {
        func complete(_ event: ByteBuffer) -> ByteBuffer {
            var (whole, ending) = (event, ending())
            whole.writeBuffer(&ending)
            return whole
        }
        guard isAtTail else { return complete(event(self)) }
        let known = encoded.withLock { encoded in
            if let encoded { return encoded }
            let event = event(self)
            let made = (event, key, complete(event))
            encoded = made
            return made
        }
        return known.key == key ? known.whole : complete(known.event)
    }
}

/// What a reader finds behind its position.
public enum StreamPulled: Sendable {
    case slice(StreamSlice)
    /// Nothing yet, or nothing ever.
    case atTail(StreamOffset, isClosed: Bool)
    /// It is not in memory: ask ``StreamEngine/readStored(_:after:bytes:then:)``.
    case stored
    /// What was behind the position has been let go: the stream begins here.
    case trimmed(StreamOffset)
    /// The position is behind the stream's end.
    case beyond
    case gone
}
