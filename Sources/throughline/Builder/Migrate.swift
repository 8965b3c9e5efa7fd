import ArgumentParser
import ThroughlineBuilder

/// `throughline migrate`
struct Migrate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs a project's migrations on its database.",
        discussion: """
            It builds the project if need be, and runs the program of the project itself: what `npm run migrate` or
            `swift run App migrate` does, too. DATABASE_URL says where the database is, in the environment or in .env.

            EXAMPLES:
              throughline migrate up
              throughline migrate status
            """)

    enum Way: String, CaseIterable, ExpressibleByArgument {
        case up
        case down
        case status
    }

    @Argument(help: "up: all that have not run; down: the last one back; status: which have run.")
    var way: Way

    func run() throws {
        let programs = try ProjectPrograms(of: .current())
        guard programs.project.database == .postgres else {
            throw Failure(
                "This project keeps its items in memory: there is nothing to migrate.\n"
                    + "For a database: throughline generate project --database postgres")
        }
        try programs.become(.migrate(way.rawValue))
    }
}

/// `throughline seed`
struct Seed: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Puts the items of seeds/ into a project's database.",
        discussion: """
            What is there already stays as it is.

            EXAMPLE:
              throughline seed
            """)

    func run() throws {
        let programs = try ProjectPrograms(of: .current())
        guard programs.project.database == .postgres else {
            throw Failure(
                "This project keeps its items in memory, so it takes them when it starts: throughline dev --seed")
        }
        try programs.become(.seed)
    }
}
