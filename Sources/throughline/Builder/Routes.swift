import ArgumentParser
import ThroughlineBuilder

/// `throughline routes`
struct Routes: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Lists the endpoints of a project, as its route files say.",
        discussion: """
            EXAMPLE:
              throughline routes
            """)

    func run() throws {
        let folder = try ProjectFolder.current()
        let routes = try RouteFile.all(in: folder).flatMap(\.routes)
        let width = routes.map(\.path.count).max() ?? 0
        for route in routes {
            let verb = route.verb + String(repeating: " ", count: 8 - route.verb.count)
            let space = String(repeating: " ", count: width - route.path.count + 3)
            Terminal.print("\(verb)\(route.path)\(space)\(route.handler)")
        }
    }
}

extension RouteFile {
    /// The route files of a project.
    static func all(in folder: ProjectFolder) throws -> [RouteFile] {
        let target = try folder.description().target
        let place = RouteFile.folder(for: target)
        return folder.files(below: place).compactMap { name in
            folder.read("\(place)/\(name)").map { RouteFile(path: "\(place)/\(name)", text: $0, target: target) }
        }
    }
}
