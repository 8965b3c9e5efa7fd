import Foundation
import ThroughlineBuilder

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The programs of a generated project, and what has to be done before they run.
struct ProjectPrograms {
    /// With this status a project's API says that migrations have not run.
    static let migrationsPending: Int32 = 3

    enum Program {
        case serve
        case migrate(String)
        case seed
    }

    let folder: ProjectFolder
    let project: Project

    init(of folder: ProjectFolder) throws {
        self.folder = folder
        project = try folder.description()
    }

    /// The program and its arguments, to be run in the project's folder.
    func command(_ program: Program) throws -> [String] {
        switch project.target {
        case .express:
            let node = try Tool.need("node")
            return switch program {
            case .serve: [node, "src/server.js"]
            case .migrate(let way): [node, "src/migrate.js", way]
            case .seed: [node, "src/seed.js"]
            }
        case .hummingbird:
            return switch program {
            case .serve: [built]
            case .migrate(let way): [built, "migrate", way]
            case .seed: [built, "seed"]
            }
        }
    }

    /// What has to be run after these files changed, so that the programs are up to date: nil stands for whatever it was.
    func preparations(after changes: [String]?) throws -> [[String]] {
        switch project.target {
        case .hummingbird:
            return [[try Tool.need("swift"), "build", "--product", "App"]]
        case .express:
            try needModules()
            let node = try Tool.need("node")
            return (changes ?? []).filter { $0.hasSuffix(".js") && folder.read($0) != nil }.map {
                [node, "--check", $0]
            }
        }
    }

    /// Whether the programs can be run without a preparation.
    var areReady: Bool {
        switch project.target {
        case .hummingbird: FileManager.default.isExecutableFile(atPath: built)
        case .express: missingModules.isEmpty
        }
    }

    /// Builds if need be, and becomes the program: its exit status is ours. What the build says goes to standard error.
    func become(_ program: Program) throws -> Never {
        guard FileManager.default.changeCurrentDirectoryPath(folder.root.path(percentEncoded: false)) else {
            throw Failure("The project's folder cannot be entered.")
        }
        for command in try preparations(after: nil) {
            let build = try ProjectProcess(command, in: folder.root, output: .standardError)
            guard build.wait() == 0 else { throw Failure("The project does not build.") }
        }
        let command = try command(program)
        signal(SIGPIPE, SIG_DFL)
        var arguments = command.map { strdup($0) } + [nil]
        execv(command[0], &arguments)
        throw Failure("\(command[0]) cannot be run: \(String(cString: strerror(errno)))")
    }

    /// The migrations that have not run; nil if nobody can say, such as without a database.
    func pendingMigrations() -> [String]? {
        guard project.database == .postgres, areReady, let command = try? command(.migrate("status")),
            let result = Tool.output(command, in: folder.root), result.status == 0
        else { return nil }
        return result.text.split(separator: "\n").compactMap { line in
            line.hasPrefix("pending") ? String(line.split(separator: " ").last ?? "") : nil
        }
    }

    /// The packages that `npm install` would bring.
    var missingModules: [String] {
        let package = try? JSONSerialization.jsonObject(with: Data((folder.read("package.json") ?? "").utf8))
        let needed = ((package as? [String: Any])?["dependencies"] as? [String: Any])?.keys.sorted() ?? ["express"]
        return needed.filter { name in !folders.contains { isThere($0, "node_modules/\(name)/package.json") } }
    }

    private func needModules() throws {
        let missing = missingModules
        guard missing.isEmpty else {
            throw Failure("\(missing.joined(separator: " and ")) cannot be found here. Run: npm install")
        }
    }

    /// The project's folder and those around it, where Node.js looks for modules.
    private var folders: [URL] {
        var folders = [folder.root]
        while folders[folders.count - 1].pathComponents.count > 1 {
            folders.append(folders[folders.count - 1].deletingLastPathComponent())
        }
        return folders
    }

    private func isThere(_ folder: URL, _ path: String) -> Bool {
        FileManager.default.fileExists(atPath: folder.appending(path: path).path(percentEncoded: false))
    }

    private var built: String {
        let place = ProcessInfo.processInfo.environment["SWIFTPM_BUILD_DIR"] ?? ".build"
        let root = URL(filePath: folder.root.path(percentEncoded: false), directoryHint: .isDirectory)
        return URL(filePath: place, relativeTo: root).appending(path: "debug/App").path(percentEncoded: false)
    }
}
