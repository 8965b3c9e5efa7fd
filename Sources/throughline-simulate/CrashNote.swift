import Foundation

/// What `CrashNote` prints: memory of its own, since a signal's handler may not allocate.
nonisolated(unsafe) private let crashText = UnsafeMutablePointer<CChar>.allocate(capacity: 512)

private func tellCrash(_ number: Int32) {
    _ = write(STDOUT_FILENO, crashText, strlen(crashText))
    signal(number, SIG_DFL)
    raise(number)
}

/// Says which seed was running when the process crashes.
enum CrashNote {
    static func set(_ note: String) { strncpy(crashText, note + "\n", 511) }

    static func install() {
        crashText.initialize(repeating: 0, count: 512)
        for number in [SIGILL, SIGTRAP, SIGSEGV, SIGABRT, SIGBUS] { signal(number, tellCrash) }
    }
}
