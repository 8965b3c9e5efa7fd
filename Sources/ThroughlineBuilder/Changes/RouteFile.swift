/// A file of routes, which holds verbs, paths and references to handlers, and nothing else.
public struct RouteFile: Sendable {
    public struct Route: Equatable, Sendable {
        /// `GET`
        public var verb: String
        /// `/users/{id}`
        public var path: String
        /// `users.get`, `UserController.get`
        public var handler: String
    }

    public var path: String
    public var routes: [Route] = []
    /// The lines that hold something else, by their numbers from 1.
    public var strangers: [Int] = []

    public init(path: String, text: String, target: Project.Target) {
        self.path = path
        var owner = ""
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = line.drop { $0 == " " }
            if let match = line.wholeMatch(of: /extension (\w+) \{/) { owner = match.1 + "." }
            if let route = RouteFile.route(line, of: owner) {
                routes.append(route)
            } else if !RouteFile.isFrame(line, target) {
                strangers.append(index + 1)
            }
        }
    }

    /// Where a project has its route files.
    public static func folder(for target: Project.Target) -> String {
        switch target {
        case .hummingbird: "Sources/App/Routes"
        case .express: "src/routes"
        }
    }

    /// `router.get('/users', users.list);` or `router.get("/users", use: users.list)`
    private static func route(_ line: Substring, of owner: String) -> Route? {
        let pattern = /router\.(get|post|patch|put|delete)\(['"]([^'"]+)['"], (?:use: )?([\w`]+(?:\.[\w`]+)?)\);?/
        guard let match = try? pattern.wholeMatch(in: line) else { return nil }
        let path = match.2.split(separator: "/", omittingEmptySubsequences: false).map { part in
            part.hasPrefix(":") ? "{\(part.dropFirst())}" : String(part)
        }
        return Route(
            verb: match.1.uppercased(), path: path.joined(separator: "/"),
            handler: owner + String(match.3).replacing("`", with: ""))
    }

    /// What is around the routes.
    private static func isFrame(_ line: Substring, _ target: Project.Target) -> Bool {
        let isBlank =
            line.isEmpty || line == "}" || line.hasPrefix("//") || line.hasPrefix("/**") || line.hasPrefix("* ")
        if isBlank || line.hasPrefix("import ") { return true }
        switch target {
        case .hummingbird:
            return line.wholeMatch(of: /extension \w+ \{|func addRoutes\(to router: Router<\w+>\) \{/) != nil
        case .express:
            return line.wholeMatch(of: /export function \w+\(\w+\) \{|const router = Router\([^()]*\);|return router;/)
                != nil
        }
    }
}
