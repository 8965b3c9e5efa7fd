import Foundation
import ThroughlineCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Where a webhook may go: not into the network that the server stands in.
enum WebhookTarget {
    static let maximumBytes = 2_048

    /// Why a URL is not called; `nil` where it may be.
    ///
    /// - Parameter isDevelopment: Allows `http` to `localhost` and 127.0.0.0/8, and nothing else of the kind.
    static func objection(to text: String, isDevelopment: Bool) -> String? {
        guard text.utf8.count <= maximumBytes, let url = URL(string: text), let host = url.host, !host.isEmpty,
            url.user == nil, url.password == nil, url.fragment == nil
        else { return "webhook.url has to be a URL with a host, and without a name, a password or a fragment." }
        if isDevelopment, url.scheme == "http", isLoopback(host) { return nil }
        guard url.scheme == "https" else {
            return "webhook.url has to be https; http is for localhost, on a server that runs with --dev."
        }
        if host == "localhost" || host.hasSuffix(".localhost") || host.hasSuffix(".internal")
            || host.hasSuffix(".local")
        {
            return "webhook.url must not be a host of this network."
        }
        let bare = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        if let address = Address(bare), !address.isPublic {
            return "webhook.url must not be an address of this network."
        }
        return nil
    }

    /// The same for what the host's name stands for now. Blocks: it asks the resolver.
    static func resolvedObjection(to text: String, isDevelopment: Bool) -> String? {
        if let objection = objection(to: text, isDevelopment: isDevelopment) { return objection }
        guard let url = URL(string: text), let host = url.host else { return "webhook.url is no URL." }
        if isDevelopment, url.scheme == "http" { return nil }
        let addresses = resolve(host)
        if addresses.isEmpty { return "\(host) is not known." }
        return addresses.allSatisfy(\.isPublic) ? nil : "\(host) is an address of this network."
    }

    private static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" { return true }
        if case .four(let bytes)? = Address(host) { return bytes[0] == 127 }
        return false
    }

    /// An IP address.
    enum Address {
        case four([UInt8])
        case six([UInt8])

        init?(_ text: String) {
            var four = in_addr()
            var six = in6_addr()
            if inet_pton(AF_INET, text, &four) == 1 {
                self = .four(withUnsafeBytes(of: &four) { Array($0) })
            } else if inet_pton(AF_INET6, text, &six) == 1 {
                self = .six(withUnsafeBytes(of: &six) { Array($0) })
            } else {
                return nil
            }
        }

        init?(_ address: UnsafePointer<sockaddr>) {
            switch Int32(address.pointee.sa_family) {
            case AF_INET:
                self = address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                    .four(withUnsafeBytes(of: $0.pointee.sin_addr) { Array($0) })
                }
            case AF_INET6:
                self = address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
                    .six(withUnsafeBytes(of: $0.pointee.sin6_addr) { Array($0) })
                }
            default: return nil
            }
        }

        /// Whether it is of the open internet: by the registries of special addresses (RFC 6890 and its updates).
        var isPublic: Bool {
            switch self {
            case .four(let bytes):
                switch (bytes[0], bytes[1]) {
                case (0, _), (10, _), (127, _), (169, 254), (172, 16...31), (192, 168), (100, 64...127), (198, 18...19),
                    (192, 0), (224..., _):
                    false
                default: true
                }
            case .six(let bytes):
                if bytes[..<10].allSatisfy({ $0 == 0 }), bytes[10] == 0xFF, bytes[11] == 0xFF {
                    Address.four(Array(bytes[12...])).isPublic
                } else {
                    // 2000::/3 but the tunnels into IPv4 and the examples.
                    bytes[0] & 0xE0 == 0x20 && !(bytes[0] == 0x20 && bytes[1] == 0x02)
                        && !(bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] == 0 && bytes[3] == 0)
                        && !(bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] == 0x0D && bytes[3] == 0xB8)
                }
            }
        }
    }

    private static func resolve(_ host: String) -> [Address] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var addresses: [Address] = []
        var entry = list
        while let found = entry {
            if let address = found.pointee.ai_addr, let known = Address(address) { addresses.append(known) }
            entry = found.pointee.ai_next
        }
        return addresses
    }
}
