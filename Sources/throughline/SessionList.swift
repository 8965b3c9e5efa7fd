import ArgumentParser
import Foundation
import NIOHTTP1
import ThroughlineCore

/// `throughline session list`
struct SessionList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists sessions, the newest activity first.",
        discussion: """
            EXAMPLES:
              throughline session list
              throughline session list --limit 500 --json | jq -r .id
            """)

    @OptionGroup var options: SessionOptions

    @Option(help: "How many at most.")
    var limit = 50

    @Flag(help: "One JSON object a line.")
    var json = false

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit is at least 1.") }
    }

    func run() async throws {
        var left = limit
        var cursor: String?
        repeat {
            let page = try await options.client.value(path: "/v1/sessions", limit: min(left, 200), cursor: cursor)
            let sessions = page["sessions"]?.elements ?? []
            for session in sessions { Terminal.print(json ? session.compactText : Self.line(session)) }
            left -= sessions.count
            cursor = sessions.isEmpty ? nil : page["cursor"]?.string
        } while cursor != nil && left > 0
    }

    private static func line(_ session: JSONValue) -> String {
        let id = session["id"]?.string ?? ""
        let activity = session["activity"]?.string ?? ""
        let updated = Date(timeIntervalSince1970: Double(session["updated"]?.integer ?? 0) / 1_000)
        let columns = [
            id.padding(toLength: max(24, id.count), withPad: " ", startingAt: 0),
            activity.padding(toLength: 8, withPad: " ", startingAt: 0),
            updated.formatted(.iso8601),
            Terminal.harmless(session["title"]?.string ?? ""),
        ]
        return columns.joined(separator: "  ")
    }
}

extension ServerClient {
    fileprivate func value(path: String, limit: Int, cursor: String?) async throws -> JSONValue {
        let cursor = cursor?.addingPercentEncoding(withAllowedCharacters: .alphanumerics)
        return try await value(.GET, path + "?limit=\(limit)" + (cursor.map { "&cursor=" + $0 } ?? ""))
    }
}

extension JSONValue {
    /// On one line.
    var compactText: String { String(decoding: compact, as: UTF8.self) }
}
