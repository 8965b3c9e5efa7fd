import Glibc

/// A thread with a name that runs one function to its end.
struct WorkerThread: Sendable {
    private let handle: pthread_t

    /// - Parameter niceness: How far the thread steps back for others, 0 to 19.
    init(name: String, niceness: Int32 = 0, _ body: @escaping @Sendable () -> Void) {
        let start = Unmanaged.passRetained(Start(name: name, niceness: niceness, body: body))
        var handle = pthread_t()
        let code = pthread_create(
            &handle, nil,
            { argument in
                let start = Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
                nameThisThread(start.name)
                stepBack(start.niceness)
                start.body()
                return nil
            }, start.toOpaque())
        precondition(code == 0, "no thread could be started: \(String(cString: strerror(code)))")
        self.handle = handle
    }

    /// Waits for the thread's end. Once, and not on the thread itself.
    func join() { pthread_join(handle, nil) }

    private final class Start: Sendable {
        let name: String
        let niceness: Int32
        let body: @Sendable () -> Void

        init(name: String, niceness: Int32, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.niceness = niceness
            self.body = body
        }
    }
}

/// Linux has a niceness for each thread, which POSIX has for a process. Not vital.
private func stepBack(_ niceness: Int32) {
    if niceness > 0 { _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, niceness) }
}

/// Gives the thread a name for people who look with `top -H` or a debugger, at most 15 bytes. Not vital.
private func nameThisThread(_ name: String) {
    let descriptor = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    let text = Array(name.utf8.prefix(15))
    _ = write(descriptor, text, text.count)
    _ = close(descriptor)
}
