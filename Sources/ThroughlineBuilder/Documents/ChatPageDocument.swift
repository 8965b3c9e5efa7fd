/// The part of the OpenAPI document that says what the chat page is made of.
enum ChatPageDocument {
    static func paths(_ isGuarded: Bool) -> [(String, JSONValue)] {
        let file: JSONValue = [
            "name": "file", "in": "path", "required": true,
            "schema": ["type": "string", "pattern": "^[a-z-]{1,40}\\.js$"],
        ]
        return [
            ("/chat", get("getChatPage", "The chat page, in development", "text/html", isGuarded: isGuarded)),
            ("/chat/page.js", get("getChatScript", "Its script", "text/javascript", isGuarded: isGuarded)),
            (
                "/chat/client/{file}",
                get(
                    "getChatClient", "A file of Throughline's client", "text/javascript", isGuarded: isGuarded,
                    parameters: [file])
            ),
        ]
    }

    private static func get(
        _ id: String, _ summary: String, _ type: String, isGuarded: Bool, parameters: [JSONValue] = []
    ) -> JSONValue {
        var operation: [(String, JSONValue)] = [
            ("operationId", .string(id)), ("summary", .string(summary)), ("tags", ["chat"]),
            ("parameters", .array(parameters)),
        ]
        if isGuarded { operation.append(("security", [])) }
        let body: JSONValue = ["schema": ["type": "string"]]
        var responses: [(String, JSONValue)] = [
            ("200", ["description": "Done", "content": JSONValue([(type, body)])]),
            ("404", OpenAPIDocument.reference("responses", "NotFound")),
        ]
        if !parameters.isEmpty { responses.append(("503", OpenAPIDocument.reference("responses", "Unavailable"))) }
        operation.append(("responses", JSONValue(responses)))
        return ["get": JSONValue(operation)]
    }
}
