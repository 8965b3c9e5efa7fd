public import NIOCore
import Synchronization
public import ThroughlineCore

/// A stretch of a session as readers get it. All readers at the same place share one slice, and what a transport encodes of it.
public final class EventSlice: Sendable {
    public let after: SequenceNumber
    public let last: SequenceNumber
    public let deliveries: [Delivery]
    private let encoded = Mutex<[Int: ByteBuffer]>([:])

    init(after: SequenceNumber, deliveries: [Delivery]) {
        self.after = after
        self.deliveries = deliveries
        last = deliveries.last?.sequence ?? after
    }

    public enum Encoding: Int, Sendable { case webSocket, serverSentEvents, lines }

    /// The slice in a transport's form, made once.
    public func encoded(_ encoding: Encoding, _ encode: ([Delivery]) -> ByteBuffer) -> ByteBuffer {
        encoded.withLock { encoded in
            if let buffer = encoded[encoding.rawValue] { return buffer }
            let buffer = encode(deliveries)
            encoded[encoding.rawValue] = buffer
            return buffer
        }
    }
}
