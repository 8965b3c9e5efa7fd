import Foundation

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A program of a project that runs beside us.
final class ProjectProcess {
    private let process = Process()

    /// - Throws: ``Failure`` if it cannot be started.
    init(
        _ command: [String], in folder: URL, environment: [String: String] = [:],
        output: FileHandle = .standardOutput
    ) throws {
        process.executableURL = URL(filePath: command[0])
        process.arguments = Array(command.dropFirst())
        process.currentDirectoryURL = folder
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        do {
            try process.run()
        } catch {
            throw Failure("\(command[0]) cannot be started: \(error.localizedDescription)")
        }
    }

    var isRunning: Bool { process.isRunning }

    /// How it ended.
    var status: Int32 { process.terminationStatus }

    /// Waits for its end, as long as `isWanted`; then it is stopped.
    @discardableResult
    func wait(while isWanted: () -> Bool = { true }) -> Int32 {
        while process.isRunning {
            if !isWanted() { stop(within: 2) }
            usleep(20_000)
        }
        return status
    }

    /// Asks it to stop, and makes it stop after some seconds.
    func stop(within seconds: Double) {
        guard process.isRunning else { return }
        process.terminate()
        let until = Date.now.addingTimeInterval(seconds)
        while process.isRunning, Date.now < until { usleep(20_000) }
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
    }
}
