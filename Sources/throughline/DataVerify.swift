import ArgumentParser
import ThroughlineCore
import ThroughlineStorage

/// `throughline data verify`
struct DataVerify: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Looks at every byte of a stopped server's data, and changes none.",
        discussion: """
            Names every damaged place: file, offset, and whose records are concerned.

            EXAMPLES:
              throughline data verify ./throughline-data
              throughline data verify ./throughline-data --json | jq .findings

            EXIT STATUS: 0 no damage, 1 damage, 2 it cannot be looked at.
            """)

    @Argument(help: "The data folder.")
    var folder: String

    @Flag(help: "Answers as JSON.")
    var json = false

    func run() throws {
        let report: FolderReport
        do throws(StoreError) {
            report = try DataFolder(folder).verify(progress: DataCare.report)
        } catch { throw DataCare.failure(error, folder, status: Failure.usage) }
        if json { Terminal.print(report.json) } else { for line in report.lines { Terminal.print(line) } }
        if report.needsRepair, !json { Terminal.complain("Next: throughline data repair \(folder)") }
        if !report.isClean { Terminal.leave(Failure.refused) }
    }
}
