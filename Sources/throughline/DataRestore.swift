import ArgumentParser
import Foundation
import ThroughlineCore
import ThroughlineStorage

/// `throughline data restore`
struct DataRestore: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Makes a new data folder from a backup, and verifies it.",
        discussion: """
            The new folder gets an identity of its own, so that no file of the original is ever mistaken for its own. With
            --same-identity it keeps the original's: for a move, when the original is never started again.

            EXAMPLES:
              throughline data restore nightly.backup --to ./new-data
              throughline serve --dev --data ./new-data

            EXIT STATUS: 0 restored and whole, 1 not restored.
            """)

    @Argument(help: "The backup.")
    var backup: String

    @Option(help: "The new folder.")
    var to: String

    @Flag(help: "Keeps the identity of the original.")
    var sameIdentity = false

    @Flag(help: "Answers as JSON: what is found in the new folder.")
    var json = false

    func run() throws {
        do throws(StoreError) {
            let outcome = try DataFolder(to).restore(
                from: backup, keepsIdentity: sameIdentity, progress: DataCare.report)
            if json { return Terminal.print(outcome.report.json) }
            for line in outcome.report.lines { Terminal.print(line) }
            let taken = Date(timeIntervalSince1970: Double(outcome.takenAt.rawValue) / 1_000).formatted(.iso8601)
            Terminal.print("\(to) is as the original was at \(taken). Start it with: throughline serve --data \(to)")
        } catch { throw Self.failure(error, to) }
    }

    private static func failure(_ error: StoreError, _ folder: String) -> Failure {
        switch error {
        case .corrupt(let reason): Failure("It was not restored: \(reason). Use another backup, and remove \(folder).")
        case .failed(let reason), .full(let reason): Failure("It was not restored: \(reason).")
        default: Failure("It was not restored: \(error).")
        }
    }
}
