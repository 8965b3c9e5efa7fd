/// Which template makes which file, and when.
struct TemplateUse: Sendable {
    enum Condition: Sendable {
        case always
        case postgres
        case auth
        case sessions
    }

    /// From the templates' folder of the target.
    var template: String
    /// From the project's root. For a resource, its names stand for themselves in braces, such as `{path}`.
    var output: String
    /// It makes a file for each resource.
    var isForResource: Bool
    /// It is the same template for every target.
    var isShared = false
    var condition: Condition

    static func file(_ path: String, as output: String? = nil, if condition: Condition = .always) -> TemplateUse {
        TemplateUse(template: path, output: output ?? path, isForResource: false, condition: condition)
    }

    /// A file that is the same for every target.
    static func file(_ output: String, from template: String, if condition: Condition) -> TemplateUse {
        TemplateUse(template: template, output: output, isForResource: false, isShared: true, condition: condition)
    }

    static func resource(_ template: String, as output: String, if condition: Condition = .always) -> TemplateUse {
        TemplateUse(template: template, output: output, isForResource: true, condition: condition)
    }

    /// The template's file, below the folder of all templates.
    func name(for target: Project.Target) -> String {
        (isShared ? "" : target.rawValue + "/") + template + ".template"
    }

    func applies(to project: Project) -> Bool {
        switch condition {
        case .always: true
        case .postgres: project.database == .postgres
        case .auth: project.auth == .jwt
        case .sessions: project.hasSessions
        }
    }
}

extension TemplateUse {
    static func all(for target: Project.Target) -> [TemplateUse] {
        switch target {
        case .hummingbird: hummingbird
        case .express: express
        }
    }

    private static let express: [TemplateUse] = [
        .file("package.json"),
        .file("README.md"),
        .file("gitignore", as: ".gitignore"),
        .file("env.example", as: ".env.example"),
        .file("Dockerfile"),
        .file("dockerignore", as: ".dockerignore"),
        .file("compose.yml"),
        .file("ci.yml", as: ".github/workflows/ci.yml"),
        .file("src/server.js"),
        .file("src/app.js"),
        .file("src/config.js"),
        .file("src/database.js"),
        .file("src/seed.js"),
        .file("src/migrate.js", if: .postgres),
        .file("src/routes/health.js"),
        .resource("src/routes/resource.js", as: "src/routes/{path}.js"),
        .file("src/controllers/health.js"),
        .resource("src/controllers/resource.js", as: "src/controllers/{path}.js"),
        .resource("src/models/resource.js", as: "src/models/{singularFile}.js"),
        .file("src/stores/memory.js"),
        .file("src/stores/postgres.js", if: .postgres),
        .file("src/rest/http.js"),
        .file("src/rest/json.js"),
        .file("src/rest/list-query.js"),
        .file("src/rest/middleware.js"),
        .file("src/rest/model.js"),
        .file("src/rest/problem.js"),
        .file("src/rest/types.js"),
        .file("src/routes/chat-page.js", if: .sessions),
        .file("src/controllers/chat-page.js", if: .sessions),
        .file("src/sessions.js", if: .sessions),
        .file("public/chat.html", from: "chat/chat.html", if: .sessions),
        .file("public/chat.js", from: "chat/chat.js", if: .sessions),
        .file("test/sessions.test.js", as: "test/throughline.test.js", if: .sessions),
        .file("src/token.js", if: .auth),
        .file("src/permissions.js", if: .auth),
        .file("src/auth/authenticate.js", if: .auth),
        .file("src/auth/guarded-store.js", if: .auth),
        .file("src/auth/tokens.js", if: .auth),
        .file("test/api.js"),
        .file("test/bodies.js"),
        .file("test/health.test.js"),
        .file("test/tokens.test.js", as: "test/auth.test.js", if: .auth),
        .resource("test/resource.test.js", as: "test/{path}.test.js"),
    ]

    private static let hummingbird: [TemplateUse] =
        [
            .file("Package.swift"),
            .file("README.md"),
            .file("gitignore", as: ".gitignore"),
            .file("env.example", as: ".env.example"),
            .file("Dockerfile"),
            .file("dockerignore", as: ".dockerignore"),
            .file("compose.yml"),
            .file("ci.yml", as: ".github/workflows/ci.yml"),
            .file("Sources/App/App.swift"),
            .file("Sources/App/Configuration.swift"),
            .file("Sources/App/Routes/HealthRoutes.swift"),
            .resource("Sources/App/Routes/ResourceRoutes.swift", as: "Sources/App/Routes/{type}Routes.swift"),
            .file("Sources/App/Controllers/HealthController.swift"),
            .resource(
                "Sources/App/Controllers/ResourceController.swift", as: "Sources/App/Controllers/{type}Controller.swift"
            ),
            .resource("Sources/App/Models/Resource.swift", as: "Sources/App/Models/{type}.swift"),
            .file("Tests/AppTests/TestAPI.swift"),
            .file("Tests/AppTests/TestBodies.swift"),
            .file("Tests/AppTests/HealthTests.swift"),
            .file("Tests/AppTests/SessionsTests.swift", as: "Tests/AppTests/ThroughlineTests.swift", if: .sessions),
            .resource("Tests/AppTests/ResourceTests.swift", as: "Tests/AppTests/{type}Tests.swift"),
            .file("Sources/App/Permissions.swift", if: .auth),
            .file("Sources/App/Routes/ChatPageRoutes.swift", if: .sessions),
            .file("Sources/App/Controllers/ChatPageController.swift", if: .sessions),
            .file("Sources/REST/Sessions.swift", if: .sessions),
            .file("public/chat.html", from: "chat/chat.html", if: .sessions),
            .file("public/chat.js", from: "chat/chat.js", if: .sessions),
            .file("Sources/CLibPQ/module.modulemap", if: .postgres),
            .file("Sources/CLibPQ/shim.h", if: .postgres),
        ] + kit.map { .file("Sources/REST/\($0).swift") }
        + postgresKit.map { .file("Sources/REST/Postgres/\($0).swift", if: .postgres) }
        + authKit.map { .file("Sources/REST/Auth/\($0).swift", if: .auth) }

    private static let kit = [
        "API", "APIContext", "Database", "DotEnv", "FieldType", "Fingerprint", "JSON", "JSONParser", "JSONWriter",
        "ListQuery",
        "MemoryDatabase", "Model", "Problem", "Request+body", "RequestLog", "Response+items", "Row", "Seeds",
        "Spelling", "Value",
    ]

    private static let authKit = ["Authenticator", "Caller", "GuardedStore", "Permissions"]

    private static let postgresKit = ["Migrations", "PostgresConnection", "PostgresDatabase", "PostgresPool", "Select"]
}
