import ThroughlineCore

/// One of a chat request's `messages`.
struct ChatMessage: Sendable {
    let role: MessageRole
    let parts: [InputPart]

    init(_ value: JSONValue) throws(Refusal) {
        guard value.kind == .object, let name = value["role"]?.string, let role = Self.role(name) else {
            throw Refusal(
                .fieldInvalid, "Each of `messages` is an object with a `role`: system, user, assistant or tool.")
        }
        self.role = role
        var parts: [InputPart] = []
        if let text = value["reasoning_content"]?.textBytes, !text.isEmpty {
            parts.append(InputPart(head: PartHead(kind: .reasoning), text: text))
        }
        parts += Self.content(of: value, role: role)
        parts += (value["tool_calls"]?.elements ?? []).map(Self.toolCall)
        if let call = value["function_call"], call.kind == .object { parts.append(Self.function(call, call: nil)) }
        self.parts = parts
    }

    private static func role(_ name: String) -> MessageRole? {
        switch name {
        case "system", "developer": .system
        case "user": .user
        case "assistant": .assistant
        case "tool", "function": .tool
        default: nil
        }
    }

    /// As parts of an input, which says only what a user or a tool says.
    var inputParts: [InputPart] { parts.filter { !$0.text.isEmpty || $0.head.kind != .text } }

    func seed(limits: SessionLimits, mint: (String) -> String) -> Exchange.Seed {
        var seeded: [(id: PartID, head: PartHead, text: [UInt8])] = []
        for part in parts {
            let pieces = part.text.isEmpty ? [[]] : part.text.pieces(of: Self.largestSeed)
            for piece in pieces where seeded.count < limits.partsPerMessage {
                seeded.append((PartID(unchecked: mint("p-")), part.head, Array(piece)))
            }
        }
        return Exchange.Seed(message: MessageID(unchecked: mint("m-")), role: role, parts: seeded)
    }

    /// One event carries the whole text of a seed's part, and has its limit.
    private static let largestSeed = 128 << 10

    // MARK: Content

    private static func content(of value: JSONValue, role: MessageRole) -> [InputPart] {
        let call = value["tool_call_id"]?.string ?? value["name"]?.string
        let head = role == .tool ? PartHead(kind: .toolResult, call: call.map(short)) : PartHead(kind: .text)
        guard let content = value["content"] else { return [] }
        if let text = content.textBytes { return [InputPart(head: head, text: text)] }
        return content.elements.map { piece(of: $0, text: head) }
    }

    private static func piece(of value: JSONValue, text head: PartHead) -> InputPart {
        if let text = value.textBytes ?? value["text"]?.textBytes ?? value["refusal"]?.textBytes {
            return InputPart(head: head, text: text)
        }
        if let image = value["image_url"] {
            return file(url: image["url"]?.string ?? image.string ?? "", title: nil)
        }
        if let audio = value["input_audio"] {
            let type = "audio/" + (audio["format"]?.string ?? "wav")
            return InputPart(head: PartHead(kind: .file, mediaType: short(type), title: "audio"), text: [])
        }
        if let file = value["file"] {
            let title = file["filename"]?.string ?? file["file_id"]?.string
            return self.file(url: file["file_data"]?.string ?? "", title: title)
        }
        return InputPart(head: PartHead(kind: .data, name: short(value["type"]?.string ?? "unknown")), text: [])
    }

    /// A file that is elsewhere keeps its address. One that came along as a data URL leaves its type and size: the bytes
    /// go to the upstream only.
    private static func file(url: String, title: String?) -> InputPart {
        var head = PartHead(kind: .file, title: title.map(short))
        if url.hasPrefix("data:") {
            let type = url.dropFirst(5).prefix { $0 != ";" && $0 != "," }
            head.mediaType = short(String(type))
            head.title =
                head.title
                ?? "\(type.isEmpty ? "file" : short(String(type))), \(url.utf8.count * 3 / 4 / 1_024 + 1) KiB"
        } else if !url.isEmpty, url.utf8.count <= 8 << 10 {
            head.url = url
        }
        return InputPart(head: head, text: [])
    }

    private static func toolCall(_ value: JSONValue) -> InputPart {
        function(value["function"] ?? value, call: value["id"]?.string)
    }

    private static func function(_ value: JSONValue, call: String?) -> InputPart {
        let arguments = value["arguments"]
        let head = PartHead(kind: .toolCall, name: value["name"]?.string.map(short), call: call.map(short))
        return InputPart(head: head, text: arguments?.textBytes ?? arguments?.compact ?? [])
    }

    private static func short(_ text: String) -> String { String(text.prefix(256)) }
}
