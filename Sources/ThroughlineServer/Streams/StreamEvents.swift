import Foundation
import NIOCore
import ThroughlineCore
import ThroughlineEngine

/// Durable streams in the form of server-sent events.
enum StreamEvents {
    /// The messages of a slice as one `data` event, whose id is where to go on.
    static func data(_ slice: StreamSlice, form: StreamForm) -> ByteBuffer {
        let size = slice.body.readableBytes
        var buffer = ByteBufferAllocator().buffer(capacity: (form == .binary ? size / 3 * 4 : size) + 128)
        buffer.writeStaticString("event: data\ndata:")
        slice.body.withUnsafeReadableBytes { bytes in
            if form == .binary {
                buffer.writeBytes(Data(bytes).base64EncodedData())
            } else {
                if bytes.first == UInt8(ascii: " ") { buffer.writeStaticString(" ") }
                writeLines(bytes, to: &buffer)
            }
        }
        buffer.writeString("\nid: \(slice.last)\n\n")
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

    /// The same of one of several streams: an object that names it.
    static func data(_ slice: StreamSlice, of path: StreamPath, form: StreamForm, id: JoinedOffsets) -> ByteBuffer {
        let size = slice.body.readableBytes
        var buffer = ByteBufferAllocator().buffer(capacity: (form == .json ? size : size / 3 * 4) + 256)
        buffer.writeStaticString("event: data\ndata:{\"stream\":")
        buffer.writeBytes(JSONWriter.value { $0.string(path.value) })
        buffer.writeStaticString(",\"data\":")
        slice.body.withUnsafeReadableBytes { bytes in
            switch form {
            case .json: writeLines(bytes, to: &buffer)
            case .text: buffer.writeBytes(JSONWriter.value { $0.string(String(decoding: bytes, as: UTF8.self)) })
            case .binary:
                buffer.writeStaticString("\"")
                buffer.writeBytes(Data(bytes).base64EncodedData())
                buffer.writeStaticString("\",\"encoding\":\"base64\"")
            }
        }
        buffer.writeString("}\nid: \(id)\n\n")
        return buffer
    }

    static func control(
        of path: StreamPath, next: StreamOffset, isUpToDate: Bool, isClosed: Bool, id: JoinedOffsets
    ) -> ByteBuffer {
        let json = JSONWriter.object {
            $0.field("stream", path.value)
            $0.field("streamNextOffset", next.description)
            for (name, value) in [("upToDate", isUpToDate), ("streamClosed", isClosed)] where value {
                $0.key(name)
                $0.boolean(true)
            }
        }
        return event("control", json, id: id)
    }

    /// One of several streams is not there any more; the others go on.
    static func gone(_ path: StreamPath, _ refusal: Refusal, id: JoinedOffsets) -> ByteBuffer {
        let json = JSONWriter.object {
            $0.field("stream", path.value)
            $0.field("code", refusal.code.rawValue)
            $0.field("detail", refusal.detail)
        }
        return event("gone", json, id: id)
    }

    private static func event(_ kind: StaticString, _ json: [UInt8], id: JoinedOffsets) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: json.count + 128)
        buffer.writeString("event: \(kind)\ndata:")
        buffer.writeBytes(json)
        buffer.writeString("\nid: \(id)\n\n")
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
    private static func writeLines(_ text: UnsafeRawBufferPointer, to buffer: inout ByteBuffer) {
        var start = 0
        var index = 0
        while index < text.count {
            guard text[index] == 0x0A || text[index] == 0x0D else {
                index += 1
                continue
            }
            buffer.writeBytes(UnsafeRawBufferPointer(rebasing: text[start..<index]))
            if text[index] == 0x0D, index + 1 < text.count, text[index + 1] == 0x0A { index += 1 }
            index += 1
            start = index
            buffer.writeStaticString(start < text.count && text[start] == 0x20 ? "\ndata: " : "\ndata:")
        }
        buffer.writeBytes(UnsafeRawBufferPointer(rebasing: text[start...]))
    }
}
