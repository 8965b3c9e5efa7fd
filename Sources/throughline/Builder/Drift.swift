import Foundation
import ThroughlineBuilder

/// Where a project's description, code and documents have come apart.
enum Drift {
    static func findings(in folder: ProjectFolder) throws -> [String] {
        try notGenerated(folder) + leftConflicts(folder) + routes(folder)
    }

    private static func notGenerated(_ folder: ProjectFolder) throws -> [String] {
        try folder.plan(to: folder.description()).changes.filter {
            $0.baseBefore != $0.baseAfter || $0.action == .create
        }
        .map { "\($0.path): throughline.json says otherwise. Run: throughline generate project" }
    }

    private static func leftConflicts(_ folder: ProjectFolder) -> [String] {
        folder.knownPaths().flatMap { path -> [String] in
            guard let text = folder.read(path) else { return ["\(path): it is missing."] }
            let isConflict = text.split(separator: "\n").contains {
                $0.hasPrefix("<<<<<<< ") || $0.hasPrefix(">>>>>>> ")
            }
            return isConflict ? ["\(path): a conflict is left."] : []
        }
    }

    private static func routes(_ folder: ProjectFolder) throws -> [String] {
        let files = try RouteFile.all(in: folder)
        let strangers = files.flatMap { file in
            file.strangers.map { "\(file.path):\($0): only verb, path and handler belong here." }
        }
        let routes = Set(files.flatMap(\.routes).map { "\($0.verb) \($0.path)" })
        let documented = try documentedRoutes(folder)
        return strangers + routes.subtracting(documented).sorted().map { "openapi.json: it lacks \($0)." }
            + documented.subtracting(routes).sorted().map { "openapi.json: there is no route \($0)." }
    }

    private static func documentedRoutes(_ folder: ProjectFolder) throws -> Set<String> {
        guard let document = try? JSONSerialization.jsonObject(with: Data((folder.read("openapi.json") ?? "").utf8)),
            let paths = (document as? [String: Any])?["paths"] as? [String: [String: Any]]
        else { throw Failure("openapi.json cannot be read.") }
        return Set(
            paths.flatMap { path, item in
                item.keys.filter { $0 != "parameters" }.map { "\($0.uppercased()) \(path)" }
            })
    }
}
