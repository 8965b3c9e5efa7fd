import Foundation
import Synchronization

/// Where a bench keeps what it has started: programs, folders, ports. Whatever ends the bench, they are stopped and removed.
final class Workshop: Sendable {
    private let root: String
    private let programs: PeerPrograms
    private let running = Mutex<[ChildProcess]>([])
    private let counter = Mutex(0)

    /// - Parameters:
    ///   - folder: Where the new folder goes; `nil` for the system's place.
    init(folder: String?, redis: String?, nats: String?) throws {
        programs = PeerPrograms(redis: redis, nats: nats)
        let parent = folder ?? NSTemporaryDirectory()
        root = URL(fileURLWithPath: parent).appendingPathComponent("throughline-bench-\(getpid())").path
        do { try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true) } catch {
            throw Failure("No folder can be made in \(parent).")
        }
    }

    /// Stops everything that still runs, at once, and removes the folders.
    func close() {
        for process in running.withLock({ $0 }) { process.signal(SIGKILL) }
        try? FileManager.default.removeItem(atPath: root)
    }

    /// Ctrl-C and SIGTERM close the workshop, and end this process, as long as what this returns is kept.
    func stopsOnSignals() -> [any DispatchSourceSignal] {
        [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                Terminal.complain("\nthroughline: stopping what the bench has started")
                self.close()
                Terminal.leave(128 + number)
            }
            source.resume()
            return source
        }
    }

    // MARK: Servers

    func start(_ server: Trial.Server, folder: String? = nil) async throws -> RunningServer {
        let folder = try folder ?? newFolder()
        let port = try LocalPort.free()
        switch server {
        case .ours:
            let arguments = ["serve", "--dev", "--no-demo-agent", "--port", "\(port)", "--data", folder + "/data"]
            return try await started(programs.ours, arguments, port, folder, isReady: { await self.isReady(port) })
        case .redis:
            return try await started(
                try programs.redis(), PeerPrograms.redisArguments(port: port, folder: folder), port, folder)
        case .nats:
            let file = folder + "/nats.conf"
            let configuration = PeerPrograms.natsConfiguration(port: try LocalPort.free(), webSocket: port)
            try configuration.write(toFile: file, atomically: true, encoding: .utf8)
            return try await started(try programs.nats(), ["-c", file], port, folder)
        case .groupCommit:
            return try await started(
                programs.load, ["serve-commits", "--port", "\(port)", "--folder", folder], port, folder)
        case .relay:
            return try await started(programs.load, ["serve-relay", "--port", "\(port)"], port, folder)
        }
    }

    private func started(
        _ program: String, _ arguments: [String], _ port: Int, _ folder: String,
        isReady: (@Sendable () async -> Bool)? = nil
    ) async throws -> RunningServer {
        let log = folder + "/server.log"
        guard FileManager.default.createFile(atPath: log, contents: nil), let output = FileHandle(forWritingAtPath: log)
        else { throw Failure("\(log) cannot be written.") }
        let process = try ChildProcess(program, arguments, output: output, errors: output)
        running.withLock { $0 = $0.filter(\.isRunning) + [process] }
        let deadline = ContinuousClock.now + .seconds(120)
        while ContinuousClock.now < deadline, process.isRunning {
            if let isReady {
                if await isReady() { return RunningServer(process: process, port: port, folder: folder) }
            } else if LocalPort.answers(port) {
                return RunningServer(process: process, port: port, folder: folder)
            }
            try await Task.sleep(for: .milliseconds(5))
        }
        process.signal(SIGKILL)
        let said = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        throw Failure("\(program) did not start:\n\(said.suffix(2_000))")
    }

    private func isReady(_ port: Int) async -> Bool {
        guard LocalPort.answers(port) else { return false }
        let client = ServerClient(server: "http://127.0.0.1:\(port)", key: nil, participant: nil)
        return (try? await client.read("/ready")) != nil
    }

    /// A new folder of its own.
    func newFolder() throws -> String {
        let number = counter.withLock { number in
            number += 1
            return number
        }
        let folder = root + "/\(number)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        return folder
    }

    /// Bytes of all files in a folder.
    func size(of folder: String) -> Int {
        guard let files = FileManager.default.enumerator(atPath: folder) else { return 0 }
        var bytes = 0
        while let file = files.nextObject() as? String {
            let attributes = try? FileManager.default.attributesOfItem(atPath: folder + "/" + file)
            bytes += (attributes?[.size] as? NSNumber)?.intValue ?? 0
        }
        return bytes
    }

    // MARK: Load

    /// Runs the load client to its end; its last line is the report.
    func runLoad(_ arguments: [String]) async throws -> LoadReport {
        var last: String?
        try await eachLine(of: arguments) { last = $0 }
        guard let last else { throw Failure("The load client said nothing.") }
        return try LoadReport(last)
    }

    /// Runs the load client and hands on each line that it prints.
    func eachLine(of arguments: [String], _ body: (String) throws -> Void) async throws {
        let pipe = Pipe()
        let process = try ChildProcess(
            programs.load, arguments, output: pipe.fileHandleForWriting, errors: .standardError)
        running.withLock { $0 = $0.filter(\.isRunning) + [process] }
        try pipe.fileHandleForWriting.close()
        var count = 0
        for await line in lines(of: pipe.fileHandleForReading) {
            count += 1
            try body(line)
        }
        let status = await process.wait()
        guard count > 0 else { throw Failure("The load client failed with status \(status).") }
    }
}
