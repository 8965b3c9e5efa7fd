import ArgumentParser
import ThroughlineBuilder

/// `throughline check`
struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Says where a project's description, code and documents have come apart; for CI.",
        discussion: """
            Everything was generated that throughline.json says; no conflict is left; route files hold routes and nothing else; and
            openapi.json has the routes that there are, and no others.

            EXAMPLE:
              throughline check
            """)

    func run() throws {
        let findings = try Drift.findings(in: .current())
        for finding in findings { Terminal.print(finding) }
        guard findings.isEmpty else { throw Failure("\(findings.count) found.") }
        Terminal.print("Description, code and documents agree.")
    }
}
