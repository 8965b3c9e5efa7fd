import Crypto
import Foundation
import NIOCore
import ThroughlineCore

/// The key that signs webhooks, and what makes the tokens of workers: both of the one secret that is kept with the data.
struct SubscriptionKeys: Sendable {
    private let signing: Curve25519.Signing.PrivateKey
    private let tokens: SymmetricKey
    /// Names the public key: its JWK thumbprint (RFC 7638).
    let keyID: String
    private let coordinate: String

    init(secret: [UInt8]) throws(Refusal) {
        do {
            signing = try Curve25519.Signing.PrivateKey(rawRepresentation: secret)
        } catch { throw Refusal(.storageFailed, "The key that signs webhooks cannot be read from the store.") }
        tokens = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: SymmetricKey(data: secret), info: Data("workers' tokens".utf8), outputByteCount: 32)
        coordinate = Self.base64(signing.publicKey.rawRepresentation)
        let thumbprint = SHA256.hash(data: Data(#"{"crv":"Ed25519","kty":"OKP","x":"\#(coordinate)"}"#.utf8))
        keyID = "ds_" + Self.base64(Data(thumbprint))
    }

    /// The public keys, as RFC 7517 writes them.
    var keySet: [UInt8] {
        JSONWriter.object { writer in
            writer.key("keys")
            writer.array([()]) { writer, _ in
                writer.object {
                    $0.field("kty", "OKP")
                    $0.field("crv", "Ed25519")
                    $0.field("kid", keyID)
                    $0.field("use", "sig")
                    $0.field("alg", "EdDSA")
                    $0.field("x", coordinate)
                }
            }
        }
    }

    /// The value of `Webhook-Signature`.
    func signature(of body: [UInt8], at time: Timestamp) throws -> String {
        let seconds = time.rawValue / 1_000
        let signature = try signing.signature(for: Data("\(seconds).".utf8) + Data(body))
        return "t=\(seconds),kid=\(keyID),ed25519=\(Self.base64(signature))"
    }

    // MARK: Tokens

    /// What a worker of one wake shows.
    func token(of subscription: String, generation: UInt64) -> String {
        "\(generation).\(Self.base64(Data(code(subscription, generation))))"
    }

    /// The generation that a token was made for; `nil` where it is none of this subscription's.
    func generation(of token: String, for subscription: String) -> UInt64? {
        let pieces = token.split(separator: ".", omittingEmptySubsequences: false)
        guard pieces.count == 2, let generation = UInt64(digits: pieces[0]),
            let shown = Self.bytes(String(pieces[1])),
            HMAC<SHA256>.isValidAuthenticationCode(
                shown, authenticating: Self.subject(subscription, generation), using: tokens)
        else { return nil }
        return generation
    }

    private func code(_ subscription: String, _ generation: UInt64) -> HMAC<SHA256>.MAC {
        HMAC<SHA256>.authenticationCode(for: Self.subject(subscription, generation), using: tokens)
    }

    private static func subject(_ subscription: String, _ generation: UInt64) -> Data {
        Data("\(subscription)\n\(generation)".utf8)
    }

    private static func base64(_ data: Data) -> String {
        data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    private static func bytes(_ text: String) -> Data? {
        let padded = text.replacing("-", with: "+").replacing("_", with: "/")
        return Data(base64Encoded: padded + String(repeating: "=", count: (4 - padded.utf8.count % 4) % 4))
    }
}
