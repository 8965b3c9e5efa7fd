import Testing
import ThroughlineBuilder

@Suite struct `A generated project` {
    @Test(arguments: Project.Target.allCases, Project.Database.allCases)
    func `has route files that hold routes and nothing else`(target: Project.Target, database: Project.Database) throws
    {
        let files = try ProjectRenderer().files(of: project(target, database))
        let routes = files.filter { $0.path.hasPrefix(RouteFile.folder(for: target)) }
            .map { RouteFile(path: $0.path, text: $0.text, target: target) }
        #expect(routes.count == 2)
        #expect(routes.flatMap(\.strangers).isEmpty)
        #expect(routes.flatMap(\.routes).count == 6)
    }

    @Test(arguments: Project.Target.allCases)
    func `finds what does not belong into a route file`(target: Project.Target) {
        let line = "    router.get(\"/users\") { request, context in try await store.list() }"
        #expect(RouteFile(path: "", text: line, target: target).strangers == [1])
    }

    @Test(arguments: Project.Target.allCases, Project.Database.allCases)
    func `is the same whenever it is generated`(target: Project.Target, database: Project.Database) throws {
        let project = try project(target, database)
        let files = try ProjectRenderer().files(of: project)
        #expect(try ProjectRenderer().files(of: project) == files)
        let description = try #require(files.first { $0.path == ProjectFile.name })
        #expect(try ProjectFile.read(description.text) == project)
        for file in files { #expect(file.text.hasSuffix("\n") && !file.text.contains("{{#"), "\(file.path)") }
    }

    @Test func `gets a migration for what changed, and one that takes it back`() throws {
        let old = try Resource("user", fields: [FieldGrammar.parse("name:string"), FieldGrammar.parse("age:int?")])
        let new = try Resource(
            "user", fields: [FieldGrammar.parse("name:string:unique"), FieldGrammar.parse("email:string?")])
        let files = MigrationPlanner(existing: ["0001_setup", "0002_create_users"]).files(from: [old], to: [new])
        #expect(files.map(\.path) == ["migrations/0003_change_users.up.sql", "migrations/0003_change_users.down.sql"])
        #expect(files[0].text.contains(#"ADD CONSTRAINT "users_name_key" UNIQUE ("name")"#))
        #expect(files[0].text.contains(#"ADD COLUMN "email" text COLLATE "C""#))
        #expect(files[0].text.contains(#"DROP COLUMN "age""#))
        #expect(files[1].text.contains(#"ADD COLUMN "age" bigint"#))
        #expect(files[1].text.contains(#"DROP COLUMN "email""#))
        #expect(MigrationPlanner(existing: ["0001_setup"]).files(from: [new], to: [new]).isEmpty)
    }

    @Test(arguments: Project.Target.allCases)
    func `with tokens keeps whose an item is, and one without does not`(target: Project.Target) throws {
        var project = try project(target, .postgres)
        let open = try ProjectRenderer().files(of: project)
        #expect(!open.contains { $0.text.contains("ownedBy") || $0.text.contains("JWT") })
        project.auth = .jwt
        let guarded = try ProjectRenderer().files(of: project)
        #expect(try ProjectFile.read(#require(guarded.first { $0.path == ProjectFile.name }).text) == project)
        let document = try #require(guarded.first { $0.path == "openapi.json" })
        #expect(document.text.contains("\"bearerFormat\": \"JWT\""))
        let migration = MigrationPlanner(existing: ["0001_setup"]).files(from: [], to: project.keptResources)
        #expect(migration[0].text.contains(#""owned_by" text COLLATE "C" NOT NULL"#))
        let change = MigrationPlanner(existing: ["0002_x"]).files(
            from: project.resources, to: project.keptResources)
        #expect(change[0].text.contains(#"ADD COLUMN "owned_by""#))
    }

    @Test(arguments: Project.Target.allCases)
    func `with sessions has conversations, which nothing else takes away`(target: Project.Target) throws {
        var project = try project(target, .memory)
        project.hasSessions = true
        #expect(throws: DescriptionError.self) { try project.validate() }
        project = try project.adding(Resource("conversation", fields: [FieldGrammar.parse("title:string?")]))
        let files = try ProjectRenderer().files(of: project)
        #expect(files.contains { $0.path == "public/chat.html" })
        #expect(try ProjectFile.read(#require(files.first { $0.path == ProjectFile.name }).text) == project)
        for fields in [["title:string?", "user:users:cascade"], ["user:users?:setnull"]] {
            let conversation = try Resource("conversation", fields: fields.map { try FieldGrammar.parse($0) })
            let isRefused = (try? project.adding(conversation)) == nil
            #expect(isRefused == fields.contains("user:users:cascade"))
        }
        for (relation, isLegal) in [
            ("conversation:conversations", false), ("conversation:conversations:cascade", true),
        ] {
            let note = try Resource("note", fields: [FieldGrammar.parse(relation)])
            #expect(((try? project.adding(note)) != nil) == isLegal)
        }
    }

    @Test(arguments: Project.Target.allCases)
    func `gives no resource a type whose name its code says already`(target: Project.Target) throws {
        var project = try project(target, .postgres)
        (project.auth, project.hasSessions) = (.jwt, true)
        project = try project.adding(Resource("conversation", fields: [FieldGrammar.parse("title:string?")]))
        let beside = ["Sources/App", "Tests/", "src/app.js", "src/seed.js", "src/controllers"]
        let files = try ProjectRenderer().files(of: project).filter { file in
            beside.contains(where: file.path.hasPrefix)
        }
        let words = files.map { $0.text.replacing(/\/\/.*|"[^"\n]*"|'[^'\n]*'|`[^`\n]*`|\/\*\*[^\n]*/, with: "") }
            .flatMap { $0.matches(of: /(?:^|[^.\w])([A-Z][a-z0-9]+(?:[A-Z][a-z0-9]+)*)\b/) }.map { String($0.1) }
        let own = project.resources.map(\.type) + ["Role"]
        for name in Set(words) where !own.contains(where: name.hasPrefix) {
            let resource = try? Resource(name, fields: [FieldGrammar.parse("name:string")])
            #expect(resource?.type != name)
        }
        #expect(Set(words).count > own.count)
    }

    @Test(arguments: ["error", "problem", "newUser", "userPatch", "userController", "type", "protocol", "swift"])
    func `has another type for a resource whose own would stand in the way`(name: String) throws {
        let resource = try Resource(name, fields: [FieldGrammar.parse("name:string")])
        #expect(resource.type == resource.singular.pascal + "Item")
        #expect(resource.path == resource.plural.kebab)
        let other = try Resource(name + "Item", fields: resource.fields)
        let project = try project(.express, .memory).adding(resource)
        #expect(((try? project.adding(other)) == nil) == (other.type == resource.type))
    }

    private func project(_ target: Project.Target, _ database: Project.Database) throws -> Project {
        let fields = ["name:string", "email:string:unique", "age:int?", "role:enum(admin,member)=member"]
        let user = try Resource("user", fields: fields.map { try FieldGrammar.parse($0) })
        return try Project(name: "shop", target: target, database: database).adding(user)
    }
}
