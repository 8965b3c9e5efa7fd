import Foundation
import ThroughlineBuilder

/// What `throughline doctor` looks at.
struct Checkup {
    struct Finding {
        enum Kind {
            case good
            /// Worth knowing, and in nobody's way.
            case note
            case problem
        }

        var kind: Kind
        var text: String
        /// What to do.
        var advice: String?

        static func good(_ text: String) -> Finding { Finding(kind: .good, text: text) }
        static func note(_ text: String, _ advice: String) -> Finding {
            Finding(kind: .note, text: text, advice: advice)
        }
        static func problem(_ text: String, _ advice: String) -> Finding {
            Finding(kind: .problem, text: text, advice: advice)
        }
    }

    private let folder: ProjectFolder
    private let programs: ProjectPrograms
    private let settings: ProjectSettings
    private var project: Project { programs.project }

    init(of folder: ProjectFolder) throws {
        self.folder = folder
        programs = try ProjectPrograms(of: folder)
        settings = ProjectSettings(of: folder)
    }

    /// All of it, in the order in which it is needed.
    func findings() -> [Finding] {
        var findings = Checkup.tools(for: project.target)
        if project.target == .express { findings.append(packages) }
        if project.database == .postgres {
            if project.target == .hummingbird { findings.append(clientLibrary) }
            findings += database
        }
        findings.append(port)
        return findings + drift
    }

    private var packages: Finding {
        let missing = programs.missingModules
        if missing.isEmpty { return .good("the packages of package.json") }
        return .problem("\(missing.joined(separator: " and ")) cannot be found.", "Run: npm install")
    }

    /// Swift reaches PostgreSQL through it.
    private var clientLibrary: Finding {
        let isThere = Tool.path("pkg-config").flatMap { Tool.output([$0, "--exists", "libpq"]) }?.status == 0
        if isThere { return .good("libpq") }
        return .problem(
            "libpq cannot be found.", "apt-get install libpq-dev pkg-config, or: brew install libpq pkg-config")
    }

    private var database: [Finding] {
        guard let url = settings["DATABASE_URL"] else {
            return [.problem("DATABASE_URL is not set.", "cp .env.example .env, and say there where the database is.")]
        }
        if url == "memory:" { return [.note("DATABASE_URL is memory:", "The items are gone when the API stops.")] }
        guard let parts = URLComponents(string: url), ["postgres", "postgresql"].contains(parts.scheme) else {
            return [.problem("DATABASE_URL is no address of PostgreSQL.", "postgres://USER:PASSWORD@HOST:PORT/NAME")]
        }
        let (host, port) = (parts.host ?? "localhost", parts.port ?? 5_432)
        guard host.isEmpty || NetworkPlace(host, port).answers() else {
            return [
                .problem(
                    "Nobody answers at \(host):\(port), where DATABASE_URL says that PostgreSQL is.",
                    "Start it, such as with: docker compose up -d database")
            ]
        }
        return [.good("PostgreSQL at \(host):\(port)")] + migrations(of: parts)
    }

    private func migrations(of url: URLComponents) -> [Finding] {
        guard programs.areReady, let command = try? programs.command(.migrate("status")),
            let result = Tool.output(command, in: folder.root), !result.complaint.hasPrefix("usage:")
        else { return [.note("Whether its migrations have run is not known yet.", "throughline migrate status")] }
        if result.status != 0 {
            let name = url.path.drop { $0 == "/" }
            return [
                .problem(
                    result.complaint.trimmingCharacters(in: .whitespacesAndNewlines),
                    "If there is no such database yet: createdb \(name), with the user and host of DATABASE_URL.")
            ]
        }
        let pending = result.text.split(separator: "\n").count { $0.hasPrefix("pending") }
        if pending == 0 { return [.good("its migrations")] }
        return [.problem("\(pending) of its migrations have not run.", "throughline migrate up")]
    }

    private var port: Finding {
        let (host, port) = (settings["HOST"] ?? "127.0.0.1", settings["PORT"] ?? "3000")
        guard let number = Int(port), (0...65_535).contains(number) else {
            return .problem("PORT is ‘\(port)’.", "It has to be a number from 0 to 65535.")
        }
        if number == 0 || !NetworkPlace(host, number).answers() { return .good("port \(number)") }
        return .note(
            "Somebody listens on \(host):\(number) already.",
            "If it is not this API: PORT=3001, in .env or before a command.")
    }

    private var drift: [Finding] {
        do {
            let drift = try Drift.findings(in: folder)
            if drift.isEmpty { return [.good("description, code and documents agree")] }
            return drift.map { .problem($0, "See: throughline check") }
        } catch let failure as Failure {
            return [.problem(failure.message, "Put it back, or write it anew: throughline generate project")]
        } catch {
            return [.problem("\(error)", "See: throughline check")]
        }
    }
}
