import ArgumentParser
import ThroughlineBuilder

/// What every command that changes a project understands.
struct ChangeOptions: ParsableArguments {
    @Flag(help: "Shows the changes, and makes none.")
    var dryRun = false

    /// Makes the changes, or shows them.
    ///
    /// - Throws: ``Failure`` if the changes would lose what the owner wrote, or left conflicts to settle.
    func apply(_ plan: Plan, to folder: ProjectFolder, command: String, force: Bool = false) throws {
        if !plan.refused.isEmpty, !force {
            throw Failure(
                "These files would go, but they were edited:\n" + plan.refused.map { "  \($0)\n" }.joined()
                    + "Nothing was changed. Keep what you need of them and delete them, or say --force.")
        }
        if dryRun { return PlanReport.diff(plan) }
        try folder.apply(plan, command: command)
        PlanReport.list(plan)
        guard plan.conflicts.isEmpty else {
            throw Failure(
                "You and the builder changed the same lines of \(plan.conflicts.joined(separator: ", ")).\n"
                    + "Look for <<<<<<< and keep what is right, or take it all back with: throughline undo")
        }
    }
}
