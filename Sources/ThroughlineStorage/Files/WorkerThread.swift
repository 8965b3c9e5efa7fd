import Glibc

/// A thread with a name that runs one function to its end.
struct WorkerThread: Sendable {
    private let handle: pthread_t

    init(name: String, _ body: @escaping @Sendable () -> Void) {
        let start = Unmanaged.passRetained(Start(name: name, body: body))
        var handle = pthread_t()
        let code = pthread_create(
            &handle, nil,
            { argument in
                let start = Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
                nameThisThread(start.name)
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
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
}

/// Gives the thread a name for people who look with `top -H` or a debugger, at most 15 bytes. Not vital.
private func nameThisThread(_ name: String) {
    let descriptor = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    let text = Array(name.utf8.prefix(15))
    _ = write(descriptor, text, text.count)
    _ = close(descriptor)
}
