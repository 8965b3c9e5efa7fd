import ThroughlineCore

/// Who gets in at all: by key, or in development by being on this machine.
struct Gatekeeper: Sendable {
    let isDevelopment: Bool
    let keys: KeyRing?
    let allowedOrigins: [String]

    enum Entry {
        case open
        case key(String)
    }

    /// Checks where a request comes from. A page of a stranger must not reach a server on the visitor's own machine, neither
    /// across origins nor by a name that resolves to loopback.
    func checkOrigin(_ origin: String?, host: String?) throws(Refusal) {
        if isDevelopment, !Authority.isLoopback(host ?? "") {
            throw Refusal(.hostRefused, "With --dev the server answers only to localhost, 127.0.0.1 and [::1].")
        }
        guard let origin, !allowedOrigins.contains(origin) else { return }
        let authority =
            origin.split(separator: "/", omittingEmptySubsequences: true).dropFirst().first.map(String.init) ?? ""
        if authority == host { return }
        if isDevelopment, Authority.isLoopback(authority) { return }
        throw Refusal(.originRefused, "Pages of \(origin) may not use this server. Allow it with --allow-origin.")
    }

    /// The name of the key, or a refusal.
    func admit(token: String?) throws(Refusal) -> String? {
        if isDevelopment { return nil }
        guard let token else {
            throw Refusal(.keyMissing, "Send the key as Authorization: Bearer <key>.")
        }
        guard let name = keys?.name(of: token) else {
            throw Refusal(.keyInvalid, "The key is not one of this server's.")
        }
        return name
    }
}
