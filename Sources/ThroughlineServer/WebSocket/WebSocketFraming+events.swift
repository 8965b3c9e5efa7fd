import NIOCore
import ThroughlineCore
import ThroughlineEngine

extension WebSocketFraming {
    /// Appends `{"session": ..., "run": ..., "written": ..., "tail": ...}` as a frame: for all writes of the run up to this one.
    static func acknowledge(_ receipt: WriteReceipt, into buffer: inout ByteBuffer) {
        let head = receipt.writer.acknowledgement
        let length = head.count + digits(receipt.number) + 8 + digits(receipt.tail.rawValue) + 1
        buffer.writeInteger(UInt8(0x81))
        if length < 126 {
            buffer.writeInteger(UInt8(length))
        } else {
            buffer.writeInteger(UInt8(126))
            buffer.writeInteger(UInt16(length))
        }
        buffer.writeBytes(head)
        write(receipt.number, into: &buffer)
        buffer.writeStaticString(#","tail":"#)
        write(receipt.tail.rawValue, into: &buffer)
        buffer.writeInteger(UInt8(ascii: "}"))
    }

    private static func digits(_ number: UInt64) -> Int {
        var rest = number
        var count = 1
        while rest >= 10 {
            rest /= 10
            count += 1
        }
        return count
    }

    private static func write(_ number: UInt64, into buffer: inout ByteBuffer) {
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 20) { room in
            let count = digits(number)
            var rest = number
            for place in stride(from: count - 1, through: 0, by: -1) {
                room[place] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            }
            return count
        }
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
