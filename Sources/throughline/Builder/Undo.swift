import ArgumentParser

/// `throughline undo`
struct Undo: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Takes back what the last command did to a project's files.",
        discussion: """
            Files that were edited since then are left alone, and nothing is done, unless you say --force. It does not touch the
            database: if the migration ran already, run `throughline migrate down` first.

            EXAMPLE:
              throughline undo
            """)

    @Flag(help: "Puts back edited files, too.")
    var force = false

    func run() throws {
        let folder = try ProjectFolder.current()
        let journal = Journal(folder: folder)
        guard let (name, entry) = try journal.last() else { throw Failure("There is nothing to undo.") }
        let edited = entry.files.filter { folder.read($0.path) != $0.after && folder.read($0.path) != $0.before }
        guard edited.isEmpty || force else {
            throw Failure(
                "These files were edited since ‘\(entry.command)’:\n" + edited.map { "  \($0.path)\n" }.joined()
                    + "Nothing was changed. Say --force to lose the edits.")
        }
        for file in entry.files {
            try folder.write(file.before, to: file.path)
            try folder.write(file.baseBefore, to: ".throughline/base/" + file.path)
        }
        try journal.remove(name)
        Terminal.print("Undone: \(entry.command)")
    }
}
