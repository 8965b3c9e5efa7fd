import Foundation

/// A program of the system that a project needs, such as `node`.
enum Tool {
    /// Where the shell would find it.
    static func path(_ name: String) -> String? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        return folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// - Throws: ``Failure`` if it is not there.
    static func need(_ name: String) throws -> String {
        if let path = path(name) { return path }
        throw Failure("There is no program ‘\(name)’ here. What a project needs says: throughline doctor")
    }

    /// What it prints, and how it ended; nil if it cannot be run.
    static func output(
        _ command: [String], in folder: URL? = nil, environment: [String: String]? = nil
    ) -> (status: Int32, text: String, complaint: String)? {
        let process = Process()
        process.executableURL = URL(filePath: command[0])
        process.arguments = Array(command.dropFirst())
        if let folder { process.currentDirectoryURL = folder }
        if let environment { process.environment = environment }
        let (output, errors) = (Pipe(), Pipe())
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        guard (try? process.run()) != nil else { return nil }
        let text = output.fileHandleForReading.readDataToEndOfFile()
        let complaint = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (
            process.terminationStatus, String(decoding: text, as: UTF8.self), String(decoding: complaint, as: UTF8.self)
        )
    }
}
