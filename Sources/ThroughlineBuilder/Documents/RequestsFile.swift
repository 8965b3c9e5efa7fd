/// The file `requests.http`: every endpoint of a project, to be sent from an editor (the REST Client of VS Code, and those that read the same).
///
/// A request that is named with `@name` gives its answer to those behind it.
enum RequestsFile {
    static func text(of project: Project) -> String {
        let health = Request("Is it well?", "GET", "health")
        let requests =
            project.resources.flatMap { self.requests(of: $0, in: project) }
            + project.resources.reversed().map { deletion(of: $0) }
        guard project.auth == .jwt else {
            return "@baseUrl = http://127.0.0.1:3000\n\n" + ([health] + requests).map(\.text).joined(separator: "\n")
        }
        // The token is one that the project's own program prints.
        let command = project.target == .express ? "npm run --silent token ada" : "swift run App token ada"
        return "@baseUrl = http://127.0.0.1:3000\n# \(command)\n@token = \n\n"
            + ([health] + requests.map { $0.with("Authorization: Bearer {{token}}") }).map(\.text)
            .joined(separator: "\n")
    }

    private static func requests(of resource: Resource, in project: Project) -> [Request] {
        let (path, one) = (resource.path, resource.singular.spaced)
        let created = creation(of: resource)
        let etag = "{{\(created).response.headers.ETag}}"
        return [
            Request(
                "Create: \(one)", "POST", path, name: created, headers: ["Content-Type: application/json"],
                body: JSONValue(resource.fields.map { ($0.name, value(of: $0, of: resource, in: project)) }).pretty),
            Request("List: \(resource.plural.spaced)", "GET", "\(path)?limit=10&sort=-createdAt"),
            Request("Get: \(one)", "GET", item(of: resource)),
            Request(
                "Change: \(one), unless somebody else did meanwhile", "PATCH", item(of: resource),
                headers: ["Content-Type: application/merge-patch+json", "If-Match: \(etag)"],
                body: JSONValue([
                    (resource.patchField.name, value(of: resource.patchField, of: resource, in: project, number + 1))
                ]).pretty),
        ]
    }

    /// At the end, since others may refer to it until then.
    private static func deletion(of resource: Resource) -> Request {
        Request("Delete: \(resource.singular.spaced)", "DELETE", item(of: resource))
    }

    private static func item(of resource: Resource) -> String {
        "\(resource.path)/{{\(creation(of: resource)).response.body.$.id}}"
    }

    private static func creation(of resource: Resource) -> String { "create\(resource.singular.pascal)" }

    /// Where an item has to be there first, it is the one that was created above.
    private static func value(
        of field: Field, of resource: Resource, in project: Project, _ number: Int = number
    ) -> JSONValue {
        switch field.type {
        case .relation(let table, _):
            guard !field.isOptional, let target = project.resources.first(where: { $0.table == table }) else {
                return nil
            }
            return .string("{{\(creation(of: target)).response.body.$.id}}")
        case .string where field.isUnique && field.name == "email": return "person-{{$guid}}@example.com"
        case .string where field.isUnique: return .string("\(Words(field.name).spaced) {{$guid}}")
        case .int where field.isUnique: return .int(number)
        default: return Samples.value(of: field, of: resource, in: project, number: number)
        }
    }

    /// Seeds have 1 and 2.
    private static let number = 3
}

/// One request of the file.
private struct Request {
    private let head: [String]
    private let headers: [String]
    private let body: String?

    var text: String {
        (head + headers).joined(separator: "\n") + "\n" + (body.map { "\n" + $0 } ?? "")
    }

    init(
        _ title: String, _ method: String, _ path: String, name: String? = nil, headers: [String] = [],
        body: String? = nil
    ) {
        head = ["### \(title)"] + (name.map { ["# @name \($0)"] } ?? []) + ["\(method) {{baseUrl}}/\(path)"]
        self.headers = headers
        self.body = body
    }

    private init(_ head: [String], _ headers: [String], _ body: String?) {
        self.head = head
        self.headers = headers
        self.body = body
    }

    /// The same with one header more.
    func with(_ header: String) -> Request { Request(head, [header] + headers, body) }
}
