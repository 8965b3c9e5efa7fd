import NIOCore
import ThroughlineCore
import ThroughlineEngine

extension WebSocketFraming {
    /// `{"session": ..., "events": [...]}`, one buffer for all readers of a slice.
    static func events(_ slice: EventSlice, of session: SessionID) -> ByteBuffer {
        slice.encoded(.webSocket) { deliveries in
            var writer = JSONWriter(capacity: deliveries.reduce(64) { $0 + $1.bytes.count + 1 })
            writer.object {
                $0.field("session", session.value)
                $0.key("events")
                $0.array(deliveries) { $0.raw($1.bytes) }
            }
            return text(writer.bytes)
        }
    }
}
