import ArgumentParser
import Foundation
import ThroughlineCore
import ThroughlineStorage

/// `throughline data repair`
struct DataRepair: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair", abstract: "Mends what can be mended of a stopped server's data.",
        discussion: """
            Writes everything that still reads to a new archive, and drops what was torn by a crash. Sessions whose records are
            damaged are quarantined: they answer an error instead of half of what was said, and all others are served. A copy of
            each file that changes is kept inside the folder. Have a backup? Restoring it may lose less: look at both.

            EXAMPLES:
              throughline data verify ./throughline-data
              throughline data repair ./throughline-data
              throughline data repair ./throughline-data --yes

            EXIT STATUS: 0 the server can start, 1 refused or not mended, 2 it cannot be looked at.
            """)

    @Argument(help: "The data folder.")
    var folder: String

    @Flag(help: "Does not ask.")
    var yes = false

    @Flag(help: "Answers as JSON: what is found afterwards.")
    var json = false

    func run() throws {
        do throws(StoreError) {
            let before = try DataFolder(folder).verify(progress: DataCare.report)
            if !json { for line in before.lines { Terminal.print(line) } }
            guard before.findings.contains(where: { $0.severity != .quarantined }) else {
                return Terminal.print(json ? before.json : "There is nothing to repair.")
            }
            try ask()
            let now = Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000))
            try tell(try DataFolder(folder).repair(now: now, progress: DataCare.report))
        } catch { throw DataCare.failure(error, folder, status: Failure.usage) }
    }

    private func ask() throws(StoreError) {
        if yes { return }
        guard Terminal.isInteractive else {
            Terminal.complain("throughline: There is nobody to ask. Say --yes to repair \(folder).")
            Terminal.leave(Failure.usage)
        }
        guard Terminal.confirm("Write what reads anew, and quarantine the rest?") else {
            Terminal.complain("throughline: Nothing was changed.")
            Terminal.leave(Failure.refused)
        }
    }

    private func tell(_ outcome: RepairOutcome) throws(StoreError) {
        if json { Terminal.print(outcome.after.json) } else { tellInWords(outcome) }
        if outcome.after.needsRepair { Terminal.leave(Failure.refused) }
    }

    private func tellInWords(_ outcome: RepairOutcome) {
        Terminal.print("")
        Terminal.print("archive.sqlite was written anew, with the log's records in it; the log is empty.")
        if outcome.hasNewIdentity {
            Terminal.print("The store has a new identity, since the old one could not be read.")
        }
        if let copies = outcome.copies {
            Terminal.print("Copies of what changed: \(folder)/\(copies). Remove them when you need them no more.")
        }
        let untold = outcome.before.findings.filter {
            $0.severity == .damage && $0.stream == nil && $0.file.hasPrefix("log/")
        }
        if !untold.isEmpty {
            Terminal.print(
                "Of \(DataCare.count(untold.count, "place", "places")) in the log nobody can tell whose records stood there: "
                    + "some sessions may end earlier than was acknowledged.")
        }
        for stream in outcome.after.damagedStreams.map(\.rawValue).sorted() {
            Terminal.print("Quarantined: \(Terminal.harmless(stream)). Erase it, or restore a backup.")
        }
        if outcome.after.needsRepair { for line in outcome.after.lines { Terminal.print(line) } }
        let whole = DataCare.count(outcome.after.wholeStreams, "stream is", "streams are")
        Terminal.print("\(whole) whole. \(outcome.after.needsRepair ? "It is not well yet." : "The server can start.")")
    }
}
