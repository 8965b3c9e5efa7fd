import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Says when somebody asks this process to stop: Ctrl-C, `kill`, or a terminal that is closed.
///
/// These are handlers, and no ignored signals, since a program that we start would ignore the same ones.
struct StopSignal {
    private static let requests = Atomic(0)

    init() {
        StopSignal.requests.store(0, ordering: .relaxed)
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal(number) { _ in StopSignal.requests.add(1, ordering: .relaxed) }
        }
    }

    var isRequested: Bool { StopSignal.requests.load(ordering: .relaxed) > 0 }
}
