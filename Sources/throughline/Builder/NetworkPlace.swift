#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A host and a port.
struct NetworkPlace {
    private static let milliseconds: Int32 = 2_000

    private let host: String
    private let port: Int

    init(_ host: String, _ port: Int) {
        self.host = host
        self.port = port
    }

    /// Whether somebody listens there, and lets us connect within two seconds.
    func answers() -> Bool {
        var hints = addrinfo()
        hints.ai_socktype = NetworkPlace.stream
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &found) == 0 else { return false }
        defer { freeaddrinfo(found) }
        var next = found
        while let address = next {
            if NetworkPlace.connects(to: address.pointee) { return true }
            next = address.pointee.ai_next
        }
        return false
    }

    private static func connects(to address: addrinfo) -> Bool {
        let descriptor = socket(address.ai_family, address.ai_socktype, 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        if connect(descriptor, address.ai_addr, address.ai_addrlen) == 0 { return true }
        guard errno == EINPROGRESS else { return false }
        var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard poll(&waiting, 1, milliseconds) == 1 else { return false }
        var error: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == 0
    }

    #if canImport(Glibc)
        private static let stream = Int32(SOCK_STREAM.rawValue)
    #else
        private static let stream = SOCK_STREAM
    #endif
}
