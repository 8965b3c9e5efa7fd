import NIOCore
import ThroughlineCore

extension HotPath {
    /// A client's frames, sixteen in what a socket gave: taken apart and unmasked.
    static var frames: HotPath {
        HotPath("websocket-frame", operations: 4_096) {
            let message = Sample.messages(1)[0]
            let arrived = ByteBuffer(bytes: (0..<16).flatMap { _ in masked(message) })
            var reader = WebSocketFrameReader(maximumPayload: 1 << 20)
            return {
                var bytes = 0
                for _ in 0..<256 {
                    try reader.read(arrived) { frame in
                        bytes += frame.payload.count
                        return true
                    }
                }
                expect(bytes == 4_096 * message.count, "frames are missing")
            }
        }
    }

    private static func masked(_ payload: [UInt8]) -> [UInt8] {
        let key: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
        let head: [UInt8] = [0x81, 0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
        return head + key + payload.enumerated().map { $1 ^ key[$0 & 3] }
    }

    /// The short way of an append: read from the message, decided by the machine, encoded as an event and a note.
    static var appends: HotPath {
        HotPath("append", operations: 2_048) {
            var machine = try Sample.machine()
            let holder = machine.holder(ofActive: Sample.run, token: "l-token")!
            var (frame, cursor) = (AppendFrame(), SessionMachine.PartCursor())
            var messages = Sample.messages(4_096)[...]
            return {
                for message in messages.prefix(2_048) {
                    message.withUnsafeBufferPointer { bytes in
                        let isTaken =
                            frame.scan(bytes)
                            && machine.append(frame, in: bytes, by: holder, cursor: &cursor, at: Sample.at)
                        expect(isTaken && machine.drain() != nil, "an append was not taken")
                    }
                }
                messages = messages.dropFirst(2_048)
            }
        }
    }

    /// The same appends by the way of all other writes.
    static var writes: HotPath {
        HotPath("write", operations: 1_024) {
            var machine = try Sample.machine()
            let decoder = OperationDecoder()
            var messages = Sample.messages(2_048)[...]
            return {
                for message in messages.prefix(1_024) {
                    let value = try decoder.object(message)
                    let written = try machine.write(
                        decoder.agentEvents(value["events"]!), run: Sample.run, token: "l-token",
                        number: value["seq"]?.integer.map(UInt64.init), at: Sample.at)
                    expect(!written.isDuplicate && machine.drain() != nil, "a write was not taken")
                }
                messages = messages.dropFirst(1_024)
            }
        }
    }
}
