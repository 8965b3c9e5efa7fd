import NIOCore

/// Takes frames from bytes as they arrive: RFC 6455 section 5.2, as a server reads.
///
/// What is not whole yet waits here; at most one frame of the largest size does. A payload is copied once, unmasked on the way,
/// into memory that is used again for the next.
struct WebSocketFrameReader {
    struct Frame {
        var opcode: UInt8
        var isFinal: Bool
        /// To be used before the next frame is read.
        var payload: UnsafeBufferPointer<UInt8>

        static let continuation: UInt8 = 0
        static let text: UInt8 = 1
        static let binary: UInt8 = 2
        static let close: UInt8 = 8
        static let ping: UInt8 = 9
        static let pong: UInt8 = 10
    }

    enum Failure: Error {
        /// Not as the RFC has it: close code 1002.
        case malformed(String)
        /// Longer than a message may be: close code 1009.
        case tooLong
    }

    /// What the first bytes of a frame say.
    private struct Head {
        var opcode: UInt8
        var isFinal: Bool
        var mask: UInt32
        var payload: Range<Int>
    }

    private let maximumPayload: Int
    /// The start of a frame whose end has not come.
    private var waiting = ByteBuffer()
    private var unmasked: [UInt8] = []
    /// Larger memory is given back after use.
    private static let keptBytes = 16 << 10

    init(maximumPayload: Int) { self.maximumPayload = maximumPayload }

    /// Calls `body` with each frame that is whole, until it returns false.
    mutating func read(_ arrived: ByteBuffer, _ body: (Frame) -> Bool) throws(Failure) {
        var bytes = arrived
        let hasWaited = waiting.readableBytes > 0
        if hasWaited {
            waiting.writeImmutableBuffer(arrived)
            bytes = waiting
            waiting = ByteBuffer()
        }
        while let length = try take(bytes, body) {
            guard length > 0 else { return }
            bytes.moveReaderIndex(forwardBy: length)
        }
        guard bytes.readableBytes > 0 else { return }
        if hasWaited {
            bytes.discardReadBytes()
            waiting = bytes
        } else {
            // A slice would pin the whole buffer that it arrived in.
            waiting = ByteBuffer(bytes: bytes.readableBytesView)
        }
    }

    /// The length of the frame at the front, after `body` had it: 0 if that wants no more; `nil` if its end has not come.
    private mutating func take(_ bytes: ByteBuffer, _ body: (Frame) -> Bool) throws(Failure) -> Int? {
        let result: Result<Head?, Failure> = bytes.withUnsafeReadableBytes { bytes in
            Result { () throws(Failure) in try head(bytes) }
        }
        guard let head = try result.get() else { return nil }
        if unmasked.count < head.payload.count {
            unmasked = [UInt8](repeating: 0, count: max(512, head.payload.count + head.payload.count / 4))
        }
        let goesOn = unmasked.withUnsafeMutableBytes { room in
            bytes.withUnsafeReadableBytes { bytes in
                Self.unmask(UnsafeRawBufferPointer(rebasing: bytes[head.payload]), head.mask, into: room)
            }
            let payload = UnsafeBufferPointer(
                rebasing: UnsafeBufferPointer(room.assumingMemoryBound(to: UInt8.self))[..<head.payload.count])
            return body(Frame(opcode: head.opcode, isFinal: head.isFinal, payload: payload))
        }
        if unmasked.count > Self.keptBytes { unmasked = [] }
        return goesOn ? head.payload.upperBound : 0
    }

    private func head(_ bytes: UnsafeRawBufferPointer) throws(Failure) -> Head? {
        guard bytes.count >= 2 else { return nil }
        try check(bytes[0], bytes[1])
        var length = Int(bytes[1] & 0x7F)
        var start = 2
        switch length {
        case 126:
            guard bytes.count >= 4 else { return nil }
            length = Int(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
            start = 4
        case 127:
            guard bytes.count >= 10 else { return nil }
            let long = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt64.self))
            guard long <= maximumPayload else { throw .tooLong }
            length = Int(long)
            start = 10
        default: break
        }
        guard length <= maximumPayload else { throw .tooLong }
        guard bytes.count >= start + 4 + length else { return nil }
        return Head(
            opcode: bytes[0] & 0x0F, isFinal: bytes[0] & 0x80 != 0,
            mask: bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self),
            payload: start + 4..<start + 4 + length)
    }

    private func check(_ first: UInt8, _ second: UInt8) throws(Failure) {
        guard second & 0x80 != 0 else { throw .malformed("A client's frame is masked.") }
        guard first & 0x70 == 0 else { throw .malformed("No extension was agreed on.") }
        switch first & 0x0F {
        case Frame.continuation, Frame.text, Frame.binary: return
        case Frame.close, Frame.ping, Frame.pong:
            guard first & 0x80 != 0, second & 0x7F < 126 else {
                throw .malformed("A control frame is short and in one piece.")
            }
        default: throw .malformed("There is no such opcode.")
        }
    }

    /// Byte i is masked with byte i modulo 4 of the key; the key is here as it stood in memory.
    private static func unmask(
        _ masked: UnsafeRawBufferPointer, _ mask: UInt32, into target: UnsafeMutableRawBufferPointer
    ) {
        let wide = UInt64(mask) << 32 | UInt64(mask)
        var position = 0
        while position + 8 <= masked.count {
            target.storeBytes(
                of: masked.loadUnaligned(fromByteOffset: position, as: UInt64.self) ^ wide,
                toByteOffset: position, as: UInt64.self)
            position += 8
        }
        withUnsafeBytes(of: mask) { key in
            while position < masked.count {
                target[position] = masked[position] ^ key[position & 3]
                position += 1
            }
        }
    }
}
