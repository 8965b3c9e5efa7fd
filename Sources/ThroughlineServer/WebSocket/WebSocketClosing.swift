import NIOCore
import ThroughlineCore

/// How a closing frame is answered: RFC 6455, sections 5.5.1 and 7.4.
enum WebSocketClosing {
    /// The code to answer with: the one that came, 1000 where none did, 1002 for a frame that is none, 1007 where the reason is
    /// no UTF-8.
    static func answer(to payload: ByteBuffer) -> UInt16 {
        guard payload.readableBytes > 0 else { return 1000 }
        var payload = payload
        guard let code = payload.readInteger(as: UInt16.self), isLegal(code) else { return 1002 }
        return payload.withUnsafeReadableBytes { UTF8Check.isValid($0) } ? code : 1007
    }

    /// Whether a code may stand in a frame: those of the RFC and its registry, those of libraries and of applications.
    static func isLegal(_ code: UInt16) -> Bool {
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}
