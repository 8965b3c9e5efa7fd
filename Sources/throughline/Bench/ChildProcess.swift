import Foundation
import Synchronization

/// A program that was started here and is stopped by its process id.
final class ChildProcess: Sendable {
    private struct State {
        var status: Int32?
        var waiting: [CheckedContinuation<Int32, Never>] = []
    }

    private let process: Process
    private let state = Mutex(State())

    /// - Parameters:
    ///   - output: Where its standard output goes.
    ///   - errors: Where its standard error goes.
    init(_ program: String, _ arguments: [String], output: FileHandle, errors: FileHandle) throws {
        process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("THROUGHLINE_") }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        process.terminationHandler = { [weak self] in self?.finish($0.terminationStatus) }
        do { try process.run() } catch { throw Failure("\(program) cannot be started: \(error.localizedDescription)") }
    }

    var processID: Int32 { process.processIdentifier }

    private func finish(_ status: Int32) {
        let waiting = state.withLock { state in
            state.status = status
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume(returning: status) }
    }

    var isRunning: Bool { state.withLock { $0.status == nil } }

    /// Waits for its end; the exit status.
    func wait() async -> Int32 {
        await withCheckedContinuation { continuation in
            let status = state.withLock { state in
                if state.status == nil { state.waiting.append(continuation) }
                return state.status
            }
            if let status { continuation.resume(returning: status) }
        }
    }

    func signal(_ number: Int32) {
        if isRunning { kill(processID, number) }
    }
}
