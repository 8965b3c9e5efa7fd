import Foundation
import ThroughlineBuilder

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Runs a project's API, and builds and starts it again when a file changes.
///
/// A change that does not build leaves the API of before running.
final class DevLoop {
    private static let look: UInt32 = 150_000
    private static let secondsToStop = 12.0
    private static let secondsBetweenLooksAtMigrations = 1.0

    private var programs: ProjectPrograms
    private let environment: [String: String]
    private let stop = StopSignal()
    private var watch: FileWatch
    private var api: ProjectProcess?
    /// When to look again whether the migrations have run for which the API waits.
    private var nextLook: Date?

    init(_ programs: ProjectPrograms, environment: [String: String]) {
        self.programs = programs
        self.environment = environment
        watch = FileWatch(of: programs.folder, target: programs.project.target)
    }

    /// Returns when it is asked to stop.
    func run() throws {
        try restart(after: nil)
        while !stop.isRequested {
            usleep(DevLoop.look)
            let changes = watch.changes()
            if changes.isEmpty {
                try lookAfterAPI()
            } else {
                clear()
                say("\(changes[0])\(changes.count > 1 ? " and \(changes.count - 1) more" : "") changed")
                // A change of many files may be half done, such as a new package.json: the next one follows.
                do { try restart(after: changes) } catch let failure as Failure { say(failure.message) }
            }
        }
        api?.stop(within: DevLoop.secondsToStop)
    }

    private func restart(after changes: [String]?) throws {
        programs = try ProjectPrograms(of: programs.folder)
        for command in try programs.preparations(after: changes) {
            let status = try ProjectProcess(command, in: programs.folder.root).wait { !self.stop.isRequested }
            if stop.isRequested { return }
            guard status == 0 else {
                return say(api == nil ? "it does not build" : "it does not build; the API of before goes on")
            }
        }
        api?.stop(within: DevLoop.secondsToStop)
        try start()
    }

    private func start() throws {
        nextLook = nil
        api = try ProjectProcess(programs.command(.serve), in: programs.folder.root, environment: environment)
    }

    /// Notices that the API has left, and starts it when what it waits for is there.
    private func lookAfterAPI() throws {
        if let api, !api.isRunning {
            self.api = nil
            if api.status == ProjectPrograms.migrationsPending {
                say("it starts when they have run")
                nextLook = .now
            } else {
                say("the API left with \(api.status), and starts again when a file changes")
            }
        }
        guard let look = nextLook, look < .now else { return }
        nextLook = .now.addingTimeInterval(DevLoop.secondsBetweenLooksAtMigrations)
        if programs.pendingMigrations()?.isEmpty == true { try start() }
    }

    /// Puts what was said before out of sight, where somebody looks.
    private func clear() {
        if isatty(STDOUT_FILENO) == 1 { Terminal.write("\u{1B}[2J\u{1B}[3J\u{1B}[H".utf8) }
    }

    private func say(_ text: String) {
        Terminal.print(Terminal.paint("dev: \(text)", .cyan))
    }
}
