/// The OpenAPI 3.1 document of a project: what every endpoint takes and answers, as strict as the API itself.
enum OpenAPIDocument {
    static func text(of project: Project) -> String {
        let isGuarded = project.auth == .jwt
        var paths: [(String, JSONValue)] = [("/health", health(isGuarded))]
        var schemas: [(String, JSONValue)] = []
        if project.hasSessions { paths += ChatPageDocument.paths(isGuarded) }
        for resource in project.resources {
            paths += OpenAPIResource(resource, in: project).paths
            schemas += OpenAPIResource(resource, in: project).schemas
        }
        var document: [(String, JSONValue)] = [
            ("openapi", "3.1.0"),
            ("info", ["title": .string(project.name), "version": "0.1.0"]),
            ("servers", [["url": "http://127.0.0.1:3000"]]),
        ]
        if isGuarded { document.append(("security", [["bearer": []]])) }
        var components: JSONValue = [
            "schemas": JSONValue(schemas + [("Problem", problem)]),
            "parameters": parameters,
            "headers": isGuarded ? headers.with("WWW-Authenticate", challenge) : headers,
            "responses": isGuarded
                ? responses.with("Unauthenticated", unauthenticated).with("Forbidden", forbidden)
                : responses,
        ]
        if isGuarded { components = components.with("securitySchemes", ["bearer": bearer]) }
        document += [("paths", JSONValue(paths)), ("components", components)]
        return JSONValue(document).pretty
    }

    private static let bearer: JSONValue = [
        "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
        "description": "Signed with HS256; sub says who the caller is, role what it may do, and exp until when",
    ]

    private static let challenge: JSONValue = ["required": true, "schema": ["type": "string"]]

    private static let unauthenticated = problem(
        "There is no token, or it is not valid",
        headers: ["WWW-Authenticate": reference("headers", "WWW-Authenticate")])

    private static let forbidden = problem("The caller's role may not do this")

    private static func health(_ isGuarded: Bool) -> JSONValue {
        let operation: JSONValue = [
            "operationId": "getHealth", "summary": "Says whether the API can do its work", "tags": ["health"],
            "responses": [
                "200": [
                    "description": "It is well",
                    "content": [
                        "application/json": [
                            "schema": [
                                "type": "object", "properties": ["status": ["const": "ok"]], "required": ["status"],
                                "additionalProperties": false,
                            ]
                        ]
                    ],
                ],
                "503": reference("responses", "Unavailable"),
            ],
        ]
        return ["get": isGuarded ? operation.with("security", []) : operation]
    }

    private static let problem: JSONValue = [
        "type": "object",
        "description": "RFC 9457",
        "properties": [
            "type": ["const": "about:blank"],
            "title": ["type": "string"],
            "status": ["type": "integer"],
            "code": ["type": "string", "description": "Stable: a client can rely on it"],
            "detail": ["type": "string"],
            "errors": [
                "type": "array",
                "items": [
                    "type": "object",
                    "properties": [
                        "pointer": ["type": "string", "description": "A JSON pointer into the body (RFC 6901)"],
                        "parameter": ["type": "string"],
                        "code": ["type": "string"],
                        "detail": ["type": "string"],
                    ],
                    "required": ["code", "detail"],
                    "additionalProperties": false,
                ],
            ],
        ],
        "required": ["type", "title", "status", "code", "detail"],
        "additionalProperties": false,
    ]

    private static let parameters: JSONValue = [
        "id": [
            "name": "id", "in": "path", "required": true,
            "schema": ["type": "string", "format": "uuid", "pattern": .string(OpenAPIResource.uuid)],
        ],
        "limit": [
            "name": "limit", "in": "query",
            "schema": ["type": "integer", "minimum": 1, "maximum": 100, "default": 20],
        ],
        "cursor": [
            "name": "cursor", "in": "query", "description": "The place after a page, from its Link header",
            "schema": ["type": "string", "minLength": 1, "pattern": "^[A-Za-z0-9_-]+$"],
        ],
        "ifMatch": [
            "name": "If-Match", "in": "header", "description": "The ETag of the version that may be changed",
            "schema": ["type": "string"],
        ],
        "ifNoneMatch": [
            "name": "If-None-Match", "in": "header", "description": "The ETag of the version that is known already",
            "schema": ["type": "string"],
        ],
        "idempotencyKey": [
            "name": "Idempotency-Key", "in": "header",
            "description": "Makes a retry return the first answer, for 24 hours",
            "schema": ["type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!#-~][!-~]*$"],
        ],
    ]

    private static let headers: JSONValue = [
        "ETag": ["required": true, "schema": ["type": "string"]],
        "Link": ["description": "rel=\"next\" leads to the next page (RFC 8288)", "schema": ["type": "string"]],
        "Location": ["required": true, "schema": ["type": "string"]],
        "RetryAfter": ["required": true, "schema": ["type": "string"]],
    ]

    private static let responses: JSONValue = [
        "BadRequest": problem("The request cannot be understood"),
        "NotFound": problem("There is no such item"),
        "Conflict": problem("A unique value is taken, a relation leads nowhere, or other items refer to this one"),
        "Changed": problem("The item was changed meanwhile", headers: ["ETag": reference("headers", "ETag")]),
        "TooLarge": problem("The body is too large"),
        "UnsupportedType": problem("The body is of another type"),
        "Invalid": problem("Fields are not valid; every one is named"),
        "Unavailable": problem(
            "The database cannot be reached", headers: ["Retry-After": reference("headers", "RetryAfter")]),
    ]

    private static func problem(_ description: String, headers: JSONValue? = nil) -> JSONValue {
        let response: JSONValue = [
            "description": .string(description),
            "content": ["application/problem+json": ["schema": reference("schemas", "Problem")]],
        ]
        return headers.map { response.with("headers", $0) } ?? response
    }

    static func reference(_ kind: String, _ name: String) -> JSONValue {
        ["$ref": .string("#/components/\(kind)/\(name)")]
    }
}
