import Foundation
import ThroughlineBuilder

/// What the commands did to a project, one file each, so that the last one can be undone.
struct Journal {
    let folder: ProjectFolder

    private static let path = ".throughline/journal"

    func add(_ entry: JournalEntry) throws {
        let last = names().last.flatMap { Int($0.prefix(4)) } ?? 0
        let number = String(repeating: "0", count: max(0, 4 - String(last + 1).count)) + String(last + 1)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try folder.write(
            String(decoding: encoder.encode(entry), as: UTF8.self) + "\n", to: "\(Journal.path)/\(number).json")
    }

    /// The last entry, and the name of its file.
    func last() throws -> (name: String, entry: JournalEntry)? {
        guard let name = names().last, let text = folder.read("\(Journal.path)/\(name)") else { return nil }
        return (name, try JSONDecoder().decode(JournalEntry.self, from: Data(text.utf8)))
    }

    func remove(_ name: String) throws {
        try folder.write(nil, to: "\(Journal.path)/\(name)")
    }

    private func names() -> [String] { folder.files(below: Journal.path) }
}

/// What one command changed.
struct JournalEntry: Codable {
    struct File: Codable {
        var path: String
        var before: String?
        var after: String?
        var baseBefore: String?
    }

    /// As it was typed.
    var command: String
    var files: [File]

    init(command: String, plan: Plan) {
        self.command = command
        files = plan.changes.map { File(path: $0.path, before: $0.before, after: $0.after, baseBefore: $0.baseBefore) }
    }
}
