import ArgumentParser
import Foundation
import ThroughlineCore
import ThroughlineStorage

/// `throughline data`
struct DataCare: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data",
        abstract: "Looks after a server's data: verify, repair, backup, restore.",
        discussion: """
            verify, repair and restore work on the folder of a server that is stopped; backup asks one that runs.

            EXAMPLES:
              throughline data backup --to nightly.backup
              throughline data verify ./throughline-data
              throughline data repair ./throughline-data
              throughline data restore nightly.backup --to ./new-data
            """,
        subcommands: [DataVerify.self, DataRepair.self, DataBackup.self, DataRestore.self])

    /// Says on standard error what is going on.
    static func report(_ text: String) { Terminal.complain(text + " ...") }

    /// What an error of the store means to somebody at a terminal.
    static func failure(_ error: StoreError, _ folder: String, status: Int32 = Failure.refused) -> Failure {
        switch error {
        case .corrupt(let place):
            Failure(
                """
                The data in \(folder) is damaged: \(place).
                  What is damaged:      throughline data verify \(folder)
                  Mend what can be:     throughline data repair \(folder)
                """, status: status)
        case .full(let reason):
            Failure(
                "\(folder) cannot be written: \(reason). Make room, or make it writable, and try again.", status: status
            )
        case .failed(let reason): Failure("The data in \(folder) cannot be used: \(reason).", status: status)
        default: Failure("The data in \(folder) cannot be used: \(error).", status: status)
        }
    }

    static func count(_ number: Int, _ one: String, _ many: String) -> String {
        let digits = number.formatted(.number.locale(Locale(identifier: "en_US")))
        return "\(digits) \(number == 1 ? one : many)"
    }
}

extension FolderReport {
    /// One line for each finding, then what that comes to.
    var lines: [String] {
        let places = findings.map { finding in
            let place = finding.file + (finding.offset.map { " at \($0)" } ?? "")
            let stream = finding.stream.map { "  \(Terminal.harmless($0.rawValue))" } ?? ""
            return "\(finding.severity.label)  \(place)\(stream)  \(Terminal.harmless(finding.text))"
        }
        return places + [summary]
    }

    private var summary: String {
        let whole = DataCare.count(wholeStreams, "stream is whole", "streams are whole")
        let rest = [
            DataCare.count(events, "event", "events"), DataCare.count(erasedStreams, "stream erased", "streams erased"),
            DataCare.count(commits, "commit", "commits") + " not yet in SQLite",
        ].joined(separator: ", ")
        let damaged = DataCare.count(damagedStreams.count, "stream is damaged", "streams are damaged")
        return isClean ? "No damage: \(whole), \(rest)." : "\(damaged). \(whole), \(rest)."
    }

    var json: String {
        let bytes = JSONWriter.object { writer in
            writer.field("clean", raw: Array((isClean ? "true" : "false").utf8))
            writer.field("streams", UInt64(wholeStreams))
            writer.field("damaged", UInt64(damagedStreams.count))
            writer.field("erased", UInt64(erasedStreams))
            writer.field("events", UInt64(events))
            writer.field("commits", UInt64(commits))
            writer.key("findings")
            writer.array(findings) { writer, finding in
                writer.object {
                    $0.field("severity", finding.severity.rawValue)
                    $0.field("file", finding.file)
                    if let offset = finding.offset { $0.field("offset", UInt64(offset)) }
                    if let stream = finding.stream { $0.field("stream", stream.rawValue) }
                    $0.field("text", finding.text)
                }
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension Finding.Severity {
    fileprivate var label: String {
        switch self {
        case .damage: "damaged    "
        case .quarantined: "quarantined"
        case .notice: "notice     "
        }
    }
}
