/// One resource's part of the OpenAPI document.
struct OpenAPIResource {
    static let uuid = "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$"

    private let resource: Resource
    private let isGuarded: Bool
    private var one: String { resource.singular.spaced }
    private var many: String { resource.plural.spaced }
    private var type: String { resource.type }

    init(_ resource: Resource, in project: Project) {
        self.resource = resource
        isGuarded = project.auth == .jwt
    }

    var paths: [(String, JSONValue)] {
        [
            ("/\(resource.path)", ["get": list, "post": create]),
            (
                "/\(resource.path)/{id}",
                ["parameters": [parameter("id")], "get": get, "patch": update, "delete": remove]
            ),
        ]
    }

    private var list: JSONValue {
        let content = json(["type": "array", "items": schema(type)])
        return operation(
            "list\(resource.plural.pascal)", "Lists \(many)",
            parameters: [parameter("limit"), parameter("cursor"), sort] + filters,
            responses: [("200", content.with("headers", ["Link": header("Link")]))] + failures(["BadRequest"]))
    }

    private var create: JSONValue {
        let created = json(schema(type)).with("headers", ["Location": header("Location"), "ETag": header("ETag")])
        let body: JSONValue = ["required": true, "content": ["application/json": ["schema": schema("New\(type)")]]]
        return operation(
            "create\(type)", "Creates \(article) \(one)", parameters: [parameter("idempotencyKey")], body: body,
            responses: [("201", created.with("links", links))]
                + failures(["BadRequest", "Conflict", "TooLarge", "UnsupportedType", "Invalid"]))
    }

    private var get: JSONValue {
        let notModified: JSONValue = ["description": "The client has it already", "headers": ["ETag": header("ETag")]]
        return operation(
            "get\(type)", "Gets \(article) \(one)", parameters: [parameter("ifNoneMatch")],
            responses: [("200", item), ("304", notModified)] + failures(["BadRequest", "NotFound"]))
    }

    private var update: JSONValue {
        let patch: JSONValue = ["schema": schema("\(type)Patch")]
        let body: JSONValue = [
            "required": true, "content": ["application/merge-patch+json": patch, "application/json": patch],
        ]
        return operation(
            "update\(type)", "Changes \(article) \(one): what is not named stays, null clears",
            parameters: [parameter("ifMatch")], body: body,
            responses: [("200", item)]
                + failures(["BadRequest", "NotFound", "Conflict", "Changed", "TooLarge", "UnsupportedType", "Invalid"]))
    }

    private var remove: JSONValue {
        operation(
            "delete\(type)", "Deletes \(article) \(one)", parameters: [parameter("ifMatch")],
            responses: [("204", ["description": "It is gone"])]
                + failures(["BadRequest", "NotFound", "Conflict", "Changed"]))
    }

    private var article: String { "aeio".contains(one.first ?? " ") ? "an" : "a" }

    private var item: JSONValue { json(schema(type)).with("headers", ["ETag": header("ETag")]) }

    /// What can be done with a new item: a tester follows these.
    private var links: JSONValue {
        JSONValue(
            ["get", "update", "delete"].map { verb in
                (
                    verb,
                    ["operationId": .string("\(verb)\(type)"), "parameters": ["id": "$response.body#/id"]]
                )
            })
    }

    private func operation(
        _ id: String, _ summary: String, parameters: [JSONValue], body: JSONValue? = nil,
        responses: [(String, JSONValue)]
    ) -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("operationId", .string(id)), ("summary", .string(summary)), ("tags", [.string(many)]),
            ("parameters", .array(parameters)),
        ]
        if let body { members.append(("requestBody", body)) }
        members.append(("responses", JSONValue(responses)))
        return JSONValue(members)
    }

    private func failures(_ names: [String]) -> [(String, JSONValue)] {
        let status = [
            "BadRequest": "400", "Unauthenticated": "401", "Forbidden": "403", "NotFound": "404", "Conflict": "409",
            "Changed": "412", "TooLarge": "413",
            "UnsupportedType": "415", "Invalid": "422", "Unavailable": "503",
        ]
        let refusals = isGuarded ? ["Unauthenticated", "Forbidden"] : []
        return (refusals + names + ["Unavailable"]).map {
            (status[$0] ?? "default", OpenAPIDocument.reference("responses", $0))
        }
    }

    private func json(_ schema: JSONValue) -> JSONValue {
        ["description": "Done", "content": ["application/json": ["schema": schema]]]
    }

    private func schema(_ name: String) -> JSONValue { OpenAPIDocument.reference("schemas", name) }
    private func header(_ name: String) -> JSONValue { OpenAPIDocument.reference("headers", name) }
    private func parameter(_ name: String) -> JSONValue { OpenAPIDocument.reference("parameters", name) }
}

extension OpenAPIResource {
    private var instants: [Field] { [Field("createdAt", .datetime), Field("updatedAt", .datetime)] }
    private var own: [Field] { isGuarded ? [.owner] : [] }
    private var comparable: [Field] { (resource.fields + own + instants).filter(\.type.isComparable) }

    private var sort: JSONValue {
        let names = comparable.flatMap { [$0.name, "-\($0.name)"] }
        return [
            "name": "sort", "in": "query",
            "schema": ["type": "string", "enum": .array(names.map { .string($0) }), "default": "createdAt"],
        ]
    }

    private var filters: [JSONValue] {
        let own: Set = ["limit", "cursor", "sort"]
        return comparable.flatMap { field -> [JSONValue] in
            let bare = own.contains(field.name) ? ["\(field.name)[eq]"] : [field.name, "\(field.name)[eq]"]
            let ordered = field.type.isOrdered ? ["gt", "gte", "lt", "lte"].map { "\(field.name)[\($0)]" } : []
            return (bare + ordered).map {
                ["name": .string($0), "in": "query", "schema": field.schema(nullable: false)]
            }
        }
    }

    var schemas: [(String, JSONValue)] {
        [
            (
                type,
                object(
                    ownFields + resource.fields.map { ($0.name, $0.schema(nullable: $0.isOptional)) } + owner + times,
                    isWhole: true)
            ),
            (
                "New\(type)",
                object(
                    resource.fields.map { ($0.name, $0.schema(nullable: $0.isOptional, default: true)) }, isWhole: false
                )
            ),
            ("\(type)Patch", patch),
        ]
    }

    private var patch: JSONValue {
        let properties = resource.fields.map { ($0.name, $0.schema(nullable: $0.isOptional)) }
        return ["type": "object", "properties": JSONValue(properties), "additionalProperties": false]
    }

    private var ownFields: [(String, JSONValue)] { [("id", ["type": "string", "format": "uuid", "readOnly": true])] }

    private var owner: [(String, JSONValue)] { own.map { ($0.name, ["type": "string", "readOnly": true]) } }

    private var times: [(String, JSONValue)] {
        instants.map { ($0.name, ["type": "string", "format": "date-time", "readOnly": true]) }
    }

    /// - Parameter isWhole: Every field is there. Otherwise only those that a client has to send are required.
    private func object(_ properties: [(String, JSONValue)], isWhole: Bool) -> JSONValue {
        let needed =
            isWhole
            ? properties.map(\.0) : resource.fields.filter { !$0.isOptional && $0.defaultValue == nil }.map(\.name)
        let object: JSONValue = ["type": "object", "properties": JSONValue(properties), "additionalProperties": false]
        return needed.isEmpty ? object : object.with("required", .array(needed.map { .string($0) }))
    }
}

extension Field {
    /// The schema of the field's values.
    fileprivate func schema(nullable: Bool, default withDefault: Bool = false) -> JSONValue {
        var members = type.schema
        if nullable {
            members = members.map { name, value in
                switch name {
                case "type": ("type", .array([value, "null"]))
                case "enum": ("enum", value.appending(.null))
                default: (name, value)
                }
            }
        }
        if case .json = type { members = nullable ? [] : [("not", ["type": "null"])] }
        if withDefault, let defaultValue { members.append(("default", defaultValue)) }
        return JSONValue(members)
    }
}

extension FieldType {
    fileprivate var schema: [(String, JSONValue)] {
        let noNul: JSONValue = "^[^\\u0000]*$"
        return switch self {
        case .string: [("type", "string"), ("minLength", 1), ("maxLength", 255), ("pattern", noNul)]
        case .text: [("type", "string"), ("maxLength", 10_000), ("pattern", noNul)]
        case .int: [("type", "integer"), ("minimum", -9_007_199_254_740_991), ("maximum", 9_007_199_254_740_991)]
        case .double: [("type", "number"), ("format", "double")]
        case .decimal: [("type", "string"), ("pattern", "^-?(0|[1-9][0-9]{0,11})(\\.[0-9]{1,6})?$")]
        case .bool: [("type", "boolean")]
        case .date: [("type", "string"), ("format", "date")]
        case .datetime: [("type", "string"), ("format", "date-time")]
        case .uuid, .relation: [("type", "string"), ("format", "uuid"), ("pattern", .string(OpenAPIResource.uuid))]
        case .json: []
        case .choice(let values): [("type", "string"), ("enum", .array(values.map { .string($0) }))]
        }
    }
}

extension JSONValue {
    fileprivate func appending(_ value: JSONValue) -> JSONValue {
        guard case .array(let values) = self else { return self }
        return .array(values + [value])
    }
}
