/// A Postman collection (2.1) that goes through every endpoint of a project, and whose tests say what they answer.
enum PostmanCollection {
    static func text(of project: Project) -> String {
        let isGuarded = project.auth == .jwt
        var collection: [(String, JSONValue)] = [
            (
                "info",
                [
                    "name": .string(project.name),
                    "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
                ]
            )
        ]
        var variables: [JSONValue] = [["key": "baseUrl", "value": "http://127.0.0.1:3000"]]
        if isGuarded {
            collection.append(("auth", bearer))
            variables.append(["key": "token", "value": ""])
        }
        collection.append(("item", .array([health] + project.resources.map { PostmanFolder($0, in: project).json })))
        collection.append(("variable", .array(variables)))
        return JSONValue(collection).pretty
    }

    private static let bearer: JSONValue = [
        "type": "bearer", "bearer": [["key": "token", "value": "{{token}}", "type": "string"]],
    ]

    private static let health = PostmanRequest("Is it well", "GET", "health", isOpen: true, tests: [.status(200)]).json
}

/// The requests of one resource, in an order in which they can run; what they create they delete.
private struct PostmanFolder {
    private let resource: Resource
    private let project: Project
    private var one: String { resource.singular.spaced }
    private var many: String { resource.plural.spaced }
    private var id: String { "\(resource.singular.camel)Id" }
    private var etag: String { "\(resource.singular.camel)ETag" }

    init(_ resource: Resource, in project: Project) {
        self.resource = resource
        self.project = project
    }

    var json: JSONValue {
        let needed = self.needed(by: resource)
        let before = needed.map { other in
            PostmanRequest(
                "Create the \(other.singular.spaced) it needs", "POST", other.path, body: body(of: other),
                tests: [.status(201), .keep(related(other), "pm.response.json().id")])
        }
        let after = needed.reversed().map { other in
            PostmanRequest(
                "Delete the \(other.singular.spaced) it needed", "DELETE", "\(other.path)/{{\(related(other))}}",
                tests: [.status(204)])
        }
        return ["name": .string(many), "item": .array((before + own + after).map(\.json))]
    }

    private var own: [PostmanRequest] {
        let item = "\(resource.path)/{{\(id)}}"
        let invalid = "There is a bad field"
        return [
            PostmanRequest(
                "Create", "POST", resource.path, body: body(of: resource),
                tests: [
                    .status(201), .keep(id, "pm.response.json().id"), .keep(etag, "pm.response.headers.get('ETag')"),
                    .expect(
                        "It has an address", "pm.response.headers.get('Location')",
                        "'/\(resource.path)/' + pm.response.json().id"),
                ]),
            PostmanRequest(
                "Create without a sense", "POST", resource.path, body: "{\n  \"nonsense\": true\n}",
                tests: [.status(422), .expect(invalid, "pm.response.json().code", "'invalid'")]),
        ] + refusals + [
            PostmanRequest(
                "List", "GET", resource.path, query: "limit=10&sort=-createdAt",
                tests: [
                    .status(200), .expect("It is an array", "Array.isArray(pm.response.json())", "true"),
                ]),
            PostmanRequest(
                "Get", "GET", item,
                tests: [
                    .status(200),
                    .expect("It is the same", "pm.response.json().id", "pm.collectionVariables.get('\(id)')"),
                ]),
            PostmanRequest(
                "Get what is known already", "GET", item, headers: [("If-None-Match", "{{\(etag)}}")],
                tests: [.status(304)]),
            PostmanRequest(
                "Change", "PATCH", item, headers: [("If-Match", "{{\(etag)}}")],
                body: "{\n  \(member(resource.patchField, "changed"))\n}",
                tests: [.status(200)]),
            PostmanRequest(
                "Change what was changed meanwhile", "PATCH", item, headers: [("If-Match", "\"0\"")], body: "{}",
                tests: [.status(412)]),
            PostmanRequest("Delete", "DELETE", item, tests: [.status(204)]),
            PostmanRequest("Get what is gone", "GET", item, tests: [.status(404)]),
        ]
    }

    private var refusals: [PostmanRequest] {
        guard project.auth == .jwt else { return [] }
        return [PostmanRequest("List without a token", "GET", resource.path, isOpen: true, tests: [.status(401)])]
    }

    private func related(_ resource: Resource) -> String { "related\(resource.singular.pascal)Id" }

    /// The resources of which there has to be an item first, each behind those that it needs itself.
    private func needed(by resource: Resource) -> [Resource] {
        var needed: [Resource] = []
        for relation in resource.relations where !relation.field.isOptional {
            guard let target = project.resources.first(where: { $0.table == relation.target }) else { continue }
            for other in self.needed(by: target) + [target] where !needed.contains(other) { needed.append(other) }
        }
        return needed
    }

    private func body(of resource: Resource) -> String {
        "{\n" + resource.fields.map { "  " + member($0, "new") }.joined(separator: ",\n") + "\n}"
    }

    private func member(_ field: Field, _ word: String) -> String {
        "\(JSONValue.quoted(field.name)): \(value(of: field, word))"
    }

    /// A legal value, with variables where it has to be another each time.
    private func value(of field: Field, _ word: String) -> String {
        switch field.type {
        case .string, .text: "\"\(word) {{$guid}}\""
        case .int: field.isUnique ? "{{$timestamp}}{{$randomInt}}" : "1"
        case .double: field.isUnique ? "{{$timestamp}}.{{$randomInt}}" : "1.5"
        case .decimal: field.isUnique ? "\"{{$timestamp}}.{{$randomInt}}\"" : "\"1.50\""
        case .bool: "true"
        case .date: "\"2031-07-01\""
        case .datetime: "\"{{$isoTimestamp}}\""
        case .uuid: "\"{{$guid}}\""
        case .json: "{ \"word\": \"\(word)\" }"
        case .choice(let values): "\"\(values[0])\""
        case .relation(let table, _):
            field.isOptional
                ? "null" : project.resources.first { $0.table == table }.map { "\"{{\(related($0))}}\"" } ?? "null"
        }
    }
}

/// One request and its tests.
private struct PostmanRequest {
    enum Test {
        case status(Int)
        /// Keeps the value of an expression in a variable.
        case keep(String, String)
        case expect(String, String, String)
    }

    private let name: String
    private let method: String
    private let path: String
    private let query: String?
    private let headers: [(String, String)]
    private let body: String?
    /// It is sent without a token.
    private let isOpen: Bool
    private let tests: [Test]

    init(
        _ name: String, _ method: String, _ path: String, query: String? = nil, headers: [(String, String)] = [],
        body: String? = nil, isOpen: Bool = false, tests: [Test]
    ) {
        self.isOpen = isOpen
        self.name = name
        self.method = method
        self.path = path
        self.query = query
        let type = method == "PATCH" ? "application/merge-patch+json" : "application/json"
        self.headers = body == nil ? headers : [("Content-Type", type)] + headers
        self.body = body
        self.tests = tests
    }

    var json: JSONValue {
        var request: [(String, JSONValue)] = [
            ("method", .string(method)),
            ("header", .array(headers.map { ["key": .string($0.0), "value": .string($0.1)] })),
        ]
        if let body {
            request.append(("body", ["mode": "raw", "raw": .string(body), "options": ["raw": ["language": "json"]]]))
        }
        if isOpen { request.insert(("auth", ["type": "noauth"]), at: 0) }
        request.append(("url", url))
        return [
            "name": .string(name),
            "event": [
                [
                    "listen": "test",
                    "script": ["type": "text/javascript", "exec": .array(tests.flatMap(script).map { .string($0) })],
                ]
            ],
            "request": JSONValue(request),
        ]
    }

    private var url: JSONValue {
        var url: [(String, JSONValue)] = [
            ("raw", .string("{{baseUrl}}/\(path)" + (query.map { "?" + $0 } ?? ""))), ("host", ["{{baseUrl}}"]),
            ("path", .array(path.split(separator: "/").map { .string(String($0)) })),
        ]
        if let query {
            let pairs = query.split(separator: "&").map { pair -> JSONValue in
                let parts = pair.split(separator: "=")
                return ["key": .string(String(parts[0])), "value": .string(String(parts[1]))]
            }
            url.append(("query", .array(pairs)))
        }
        return JSONValue(url)
    }

    private func script(_ test: Test) -> [String] {
        switch test {
        case .status(let status):
            ["pm.test('It answers \(status)', () => {", "  pm.response.to.have.status(\(status));", "});"]
        case .keep(let variable, let expression):
            ["pm.collectionVariables.set('\(variable)', \(expression));"]
        case .expect(let name, let actual, let expected):
            ["pm.test('\(name)', () => {", "  pm.expect(\(actual)).to.eql(\(expected));", "});"]
        }
    }
}
