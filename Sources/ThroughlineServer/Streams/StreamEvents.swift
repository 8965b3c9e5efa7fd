import Foundation
import NIOCore
import ThroughlineCore
import ThroughlineEngine

/// Durable streams in the form of server-sent events.
enum StreamEvents {
    /// The messages of a slice as one `data` event, whose id is where to go on.
    static func data(_ slice: StreamSlice, form: StreamForm) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: slice.byteCount * 4 / 3 + slice.messages.count + 96)
        buffer.writeStaticString("event: data\n")
        switch form {
        case .json:
            buffer.writeStaticString("data:[")
            for (index, message) in slice.messages.enumerated() {
                if index > 0 { buffer.writeStaticString(",") }
                writeLines(message.bytes, to: &buffer)
            }
            buffer.writeStaticString("]\n")
        case .text:
            buffer.writeStaticString("data:")
            var text: [UInt8] = []
            text.reserveCapacity(slice.byteCount)
            for message in slice.messages { text.append(contentsOf: message.bytes) }
            if text.first == UInt8(ascii: " ") { buffer.writeStaticString(" ") }
            writeLines(text, to: &buffer)
            buffer.writeStaticString("\n")
        case .binary:
            var bytes = Data(capacity: slice.byteCount)
            for message in slice.messages { bytes.append(contentsOf: message.bytes) }
            buffer.writeStaticString("data:")
            buffer.writeBytes(bytes.base64EncodedData())
            buffer.writeStaticString("\n")
        }
        buffer.writeString("id: \(slice.last)\n\n")
        return buffer
    }

    static func control(next: StreamOffset, cursor: String?, isUpToDate: Bool, isClosed: Bool) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: 192)
        buffer.writeString("event: control\ndata:{\"streamNextOffset\":\"\(next)\"")
        if let cursor { buffer.writeString(",\"streamCursor\":\"\(cursor)\"") }
        if isUpToDate { buffer.writeStaticString(",\"upToDate\":true") }
        if isClosed { buffer.writeStaticString(",\"streamClosed\":true") }
        buffer.writeString("}\nid: \(next)\n\n")
        return buffer
    }

    static func refusal(_ refusal: Refusal) -> ByteBuffer {
        var buffer = ByteBuffer(string: "event: error\ndata:")
        buffer.writeBytes(refusal.problem)
        buffer.writeStaticString("\n\n")
        return buffer
    }

    static let keepAlive = ByteBuffer(string: ": keep-alive\n\n")

    /// Writes text whose lines, however they end, each become a line of `data`: nothing in it can begin an event.
    private static func writeLines(_ text: [UInt8], to buffer: inout ByteBuffer) {
        guard text.contains(where: { $0 == 0x0A || $0 == 0x0D }) else {
            buffer.writeBytes(text)
            return
        }
        var start = 0
        var index = 0
        while index < text.count {
            guard text[index] == 0x0A || text[index] == 0x0D else {
                index += 1
                continue
            }
            buffer.writeBytes(text[start..<index])
            if text[index] == 0x0D, index + 1 < text.count, text[index + 1] == 0x0A { index += 1 }
            index += 1
            start = index
            buffer.writeStaticString(start < text.count && text[start] == 0x20 ? "\ndata: " : "\ndata:")
        }
        buffer.writeBytes(text[start...])
    }
}
