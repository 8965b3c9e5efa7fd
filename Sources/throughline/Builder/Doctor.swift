import ArgumentParser
import ThroughlineBuilder

/// `throughline doctor`
struct Doctor: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Says what is missing for a project to run, and what to do.",
        discussion: """
            In a project: its tools and their versions, its packages, its settings, the port, the database and its migrations,
            and whether description, code and documents agree. Elsewhere: the tools that projects need. Exits with 1 if
            something is in the way.

            EXAMPLE:
              throughline doctor
            """)

    func run() throws {
        let folder = try? ProjectFolder.current()
        let findings = try folder.map { try Checkup(of: $0) }?.findings() ?? Checkup.tools()
        for finding in findings { show(finding) }
        let problems = findings.count { $0.kind == .problem }
        guard problems == 0 else { throw Failure("\(problems) in the way.") }
        Terminal.print("Nothing is in the way.")
    }

    private func show(_ finding: Checkup.Finding) {
        let mark =
            switch finding.kind {
            case .good: Terminal.paint("ok  ", .green)
            case .note: Terminal.paint("note", .yellow)
            case .problem: Terminal.paint("fix ", .red)
            }
        Terminal.print("\(mark)  \(finding.text)")
        if let advice = finding.advice { Terminal.print("      " + advice) }
    }
}
