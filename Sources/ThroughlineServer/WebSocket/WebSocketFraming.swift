import NIOCore
import NIOWebSocket
import ThroughlineCore
import ThroughlineEngine

/// Frames as a server sends them, RFC 6455 section 5.2: never masked, so one frame's bytes serve all readers.
enum WebSocketFraming {
    static func text(_ payload: [UInt8]) -> ByteBuffer { frame(0x81, payload) }
    static func ping() -> ByteBuffer { frame(0x89, []) }
    static func pong(_ payload: [UInt8]) -> ByteBuffer { frame(0x8A, payload) }

    /// - Parameter reason: At most 123 bytes.
    static func close(_ code: UInt16, _ reason: String) -> ByteBuffer {
        frame(0x88, [UInt8(code >> 8), UInt8(code & 255)] + Array(reason.utf8.prefix(123)))
    }

    private static func frame(_ first: UInt8, _ payload: [UInt8]) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: payload.count + 10)
        buffer.writeInteger(first)
        switch payload.count {
        case ..<126: buffer.writeInteger(UInt8(payload.count))
        case ...0xFFFF:
            buffer.writeInteger(UInt8(126))
            buffer.writeInteger(UInt16(payload.count))
        default:
            buffer.writeInteger(UInt8(127))
            buffer.writeInteger(UInt64(payload.count))
        }
        buffer.writeBytes(payload)
        return buffer
    }

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
