package import NIOCore

/// Frames as a server sends them, RFC 6455 section 5.2: never masked, so one frame's bytes serve all readers.
package enum WebSocketFraming {
    package static func text(_ payload: [UInt8]) -> ByteBuffer { frame(0x81, payload) }
    package static func binary(_ payload: [UInt8]) -> ByteBuffer { frame(0x82, payload) }
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
}
