import Foundation
import ThroughlineBuilder

/// What a project's programs are told: by the environment, and behind that by its file `.env`.
struct ProjectSettings {
    private let environment: [String: String]
    private let file: [String: String]

    init(of folder: ProjectFolder, environment: [String: String] = ProcessInfo.processInfo.environment) {
        self.environment = environment
        file = ProjectSettings.read(folder.read(".env") ?? "")
    }

    subscript(name: String) -> String? { environment[name] ?? file[name] }

    /// The lines `NAME=value` of a text; `#` begins a comment.
    static func read(_ text: String) -> [String: String] {
        var values: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            guard let match = line.wholeMatch(of: /\s*(?:export\s+)?(\w+)\s*=\s*(.*?)\s*/) else { continue }
            values[String(match.1)] = value(match.2)
        }
        return values
    }

    private static func value(_ text: Substring) -> String {
        if let match = text.prefixMatch(of: /"([^"]*)"|'([^']*)'/) { return String(match.1 ?? match.2 ?? "") }
        let plain = text.prefix { $0 != "#" }
        return String(plain.reversed().drop(while: \.isWhitespace).reversed())
    }
}
