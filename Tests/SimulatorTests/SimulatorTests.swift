import Foundation
import Testing

/// The simulator is a process of its own: hash tables have to be in the same order each time, and SQLite uses its files.
private func simulate(_ arguments: String...) async throws -> (status: Int32, output: String) {
    try await withCheckedThrowingContinuation { continuation in
        // On a thread of its own: the tests share a few, and those that wait for a second would wait for a minute.
        Thread.detachNewThread { continuation.resume(with: Result { try runSimulator(arguments) }) }
    }
}

private func runSimulator(_ arguments: [String]) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = builtProducts.appendingPathComponent("throughline-simulate")
    process.arguments = arguments
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
}

/// The folder that the test bundle is in.
private let builtProducts: URL = {
    let executable = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    let names = ["throughline-simulate"]
    let candidates = [executable, Bundle.main.bundleURL, Bundle.main.bundleURL.deletingLastPathComponent()]
    return candidates.first { folder in
        names.allSatisfy { FileManager.default.isExecutableFile(atPath: folder.appendingPathComponent($0).path) }
    } ?? executable
}()

@Suite(.serialized, .timeLimit(.minutes(5))) struct `The simulator` {
    @Test func `finds no broken promise in a few seeds`() async throws {
        let result = try await simulate("--seeds", "1...8")
        #expect(result.status == 0, "\(result.output)")
        #expect(result.output.contains("seeds: 8 passed, 0 failed"))
    }

    @Test(arguments: [3, 17]) func `does the same again with the same seed`(_ seed: Int) async throws {
        let first = try await simulate("--seed", "\(seed)", "--trace").output
        let second = try await simulate("--seed", "\(seed)", "--trace").output
        #expect(first == second)
        var traces: [String] = []
        for seed in [seed, seed + 1] {
            traces.append(try await simulate("--seed", "\(seed)").output.components(separatedBy: "\n")[0])
        }
        #expect(traces[0].contains(", trace "))
        #expect(first.contains(traces[0]))
        #expect(traces[0].suffix(12) != traces[1].suffix(12))
    }

    @Test(arguments: [
        "no-log-sync", "no-archive-sync", "no-folder-sync", "early-acknowledgement", "lost-notes", "no-input-dedup",
        "no-zeroing", "doubled-delivery", "request-won-twice", "stop-at-disconnect", "fenced-write", "lost-at-hand-on",
    ])
    func `notices a fault in the server`(_ mutation: String) async throws {
        // Which seed does depends on all that is random: ten at a time. What no-blanking leaves behind is too rare here:
        // BlankingTests in StorageTests has it.
        var result = try await simulate("--seeds", "1...10", "--mutation", mutation)
        for first in stride(from: 11, to: 40, by: 10) where result.status != 1 {
            result = try await simulate("--seeds", "\(first)...\(first + 9)", "--mutation", mutation)
        }
        #expect(result.status == 1, "\(result.output)")
        #expect(result.output.contains("again: throughline-simulate --seed "))
    }

    @Test func `finds durable streams exactly once over crashes`() async throws {
        let result = try await simulate("--streams", "--seeds", "1...16", "--steps", "700", "--every-fault")
        #expect(result.status == 0, "\(result.output)")
        #expect(result.output.contains("seeds: 16 passed, 0 failed"))
    }

    @Test(arguments: ["no-log-sync", "early-acknowledgement", "lost-notes"])
    func `notices a fault under durable streams`(_ mutation: String) async throws {
        let result = try await simulate("--streams", "--seeds", "1...6", "--steps", "700", "--mutation", mutation)
        #expect(result.status == 1, "\(result.output)")
    }

    @Test func `refuses what it does not understand`() async throws {
        #expect(try await simulate("--seeds", "5").status != 0)
        #expect(try await simulate("--seed", "1", "--forever").status != 0)
    }
}
