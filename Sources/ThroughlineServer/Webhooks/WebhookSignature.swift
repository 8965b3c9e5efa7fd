import Crypto
import Foundation
package import ThroughlineCore

/// What proves to an agent that a call is from its server: `t=<milliseconds since 1970>,v1=<hex>`, where the latter is the HMAC-SHA256
/// (RFC 2104) of `<t>.<body>`.
package enum WebhookSignature {
    package static let header = "Throughline-Signature"

    package static func header(of body: [UInt8], at time: Timestamp, secret: [UInt8]) -> String {
        let signed = Array("\(time.rawValue).".utf8) + body
        let code = HMAC<SHA256>.authenticationCode(for: signed, using: SymmetricKey(data: secret))
        return "t=\(time.rawValue),v1=" + code.map(Self.hex).joined()
    }

    private static func hex(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16)
        return byte < 16 ? "0" + digits : digits
    }
}
