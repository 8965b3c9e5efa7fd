import ArgumentParser
import ThroughlineBuilder

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The command line.
@main
struct Throughline: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "throughline",
        abstract:
            "Keeps AI sessions as durable, ordered, shared, controllable things, and builds REST APIs beside them.",
        discussion: """
            EXAMPLES:
              throughline serve --dev
              throughline session tail sea
              throughline data verify ./throughline-data
              throughline new shop --target express --database postgres

            EXIT STATUS: 0 done, 1 refused, 2 wrong usage, 3 the server cannot be reached.
            """,
        subcommands: [Serve.self, Session.self, Key.self, DataCare.self, Bench.self],
        groupedSubcommands: [
            CommandGroup(
                name: "REST builder",
                subcommands: [
                    New.self, Generate.self, Destroy.self, Undo.self, Routes.self, Dev.self, Migrate.self, Seed.self,
                    Doctor.self, Check.self,
                ])
        ])

    static func main() async {
        // A reader that goes away, such as `head`, is no reason to die noisily.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let refusal as DescriptionError {
            Terminal.complain("throughline: " + refusal.message)
            Terminal.leave(Failure.usage)
        } catch let failure as Failure {
            Terminal.complain("throughline: " + failure.message)
            Terminal.leave(failure.status)
        } catch {
            guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
            Terminal.complain(fullMessage(for: error))
            Terminal.leave(Failure.usage)
        }
    }
}

/// Why a command did not do what it was asked, and the status it exits with.
struct Failure: Error {
    static let refused: Int32 = 1
    static let usage: Int32 = 2
    static let unreachable: Int32 = 3

    var message: String
    var status: Int32

    init(_ message: String, status: Int32 = refused) {
        self.message = message
        self.status = status
    }
}
