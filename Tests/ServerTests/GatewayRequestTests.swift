import Testing
import ThroughlineCore
import ThroughlineServer

@Suite struct GatewayRequestTests {
    private func parse(_ messages: String, more: String = "") throws(Refusal) -> ChatRequest {
        var count = 0
        return try ChatRequest(parsing: Array(#"{"model":"m"\#(more),"messages":\#(messages)}"#.utf8)) { prefix in
            count += 1
            return prefix + "\(count)"
        }
    }

    private func texts(_ parts: [InputPart]) -> [String] {
        parts.map { "\($0.head.kind.rawValue): " + String(decoding: $0.text, as: UTF8.self) }
    }

    @Test func `What follows the last answer is the input, the rest are seeds`() throws {
        let chat = try parse(
            #"[{"role":"developer","content":"Be short."},{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello."},{"role":"user","content":"Why?"},{"role":"user","content":"How?"}]"#,
            more: #","stream":true"#)
        #expect(chat.seeds.map(\.role) == [.system, .user, .assistant])
        #expect(chat.seeds.map(\.message.value) == ["m-2", "m-4", "m-6"])
        #expect(chat.seeds[2].parts.map(\.text) == [Array("Hello.".utf8)])
        #expect(texts(chat.parts) == ["text: Why?", "text: How?"])
        #expect(chat.isStreaming && chat.model == "m")
    }

    @Test func `Instructions at the start are seeds even without an answer`() throws {
        let chat = try parse(#"[{"role":"system","content":"Be short."},{"role":"user","content":"Hi"}]"#)
        #expect(chat.seeds.count == 1 && texts(chat.parts) == ["text: Hi"] && !chat.isStreaming)
    }

    @Test func `Tool calls are seeds and their results the input`() throws {
        let chat = try parse(
            #"[{"role":"user","content":"Tide?"},{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"tide","arguments":"{}"}}]},{"role":"tool","tool_call_id":"a","content":"high"}]"#
        )
        let call = try #require(chat.seeds.last?.parts.first)
        #expect(call.head == PartHead(kind: .toolCall, name: "tide", call: "a") && call.text == Array("{}".utf8))
        #expect(chat.parts == [InputPart(head: PartHead(kind: .toolResult, call: "a"), text: Array("high".utf8))])
    }

    @Test func `Images are mentioned, their bytes are not kept`() throws {
        let data = String(repeating: "QUJD", count: 100_000)
        let chat = try parse(
            #"[{"role":"user","content":[{"type":"text","text":"What is this?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,\#(data)"}},{"type":"image_url","image_url":{"url":"https://example.com/a.jpg"}},{"type":"video","v":1}]}]"#
        )
        #expect(chat.parts.map(\.head.kind) == [.text, .file, .file, .data])
        #expect(chat.parts[1].head.mediaType == "image/png" && chat.parts[1].head.url == nil)
        #expect(chat.parts[1].head.title == "image/png, 292 KiB" || chat.parts[1].head.title == "image/png, 293 KiB")
        #expect(chat.parts[2].head.url == "https://example.com/a.jpg")
        #expect(chat.parts[3].head.name == "video")
    }

    @Test func `Many texts become one, and too much is refused`() throws {
        let many = (0..<40).map { #"{"role":"user","content":"\#($0)"}"# }.joined(separator: ",")
        #expect(try parse("[\(many)]").parts.count == 1)
        let long = String(repeating: "a", count: 300_000)
        #expect(throws: Refusal.self) { try parse(#"[{"role":"user","content":"\#(long)"}]"#) }
    }

    @Test func `A long seed is cut into parts`() throws {
        let long = String(repeating: "é", count: 200_000)
        let chat = try parse(
            #"[{"role":"user","content":"\#(long)"},{"role":"assistant","content":"ok"},{"role":"user","content":"and?"}]"#
        )
        #expect(chat.seeds[0].parts.count == 4)
        #expect(chat.seeds[0].parts.flatMap(\.text) == Array(long.utf8))
    }

    @Test(arguments: [
        ("[]", Refusal.Code.fieldInvalid), ("7", .fieldMissing),
        (#"[{"role":"assistant","content":"x"}]"#, .fieldInvalid),
        (#"[{"content":"x"}]"#, .fieldInvalid), (#"[{"role":"king","content":"x"}]"#, .fieldInvalid),
        ("[", .jsonInvalid),
        (#"[{"role":"user","content":""}]"#, .fieldInvalid),
    ])
    func `What cannot be an input is refused`(messages: String, code: Refusal.Code) {
        let refusal = #expect(throws: Refusal.self) { try parse(messages) }
        #expect(refusal?.code == code)
    }

    @Test func `A model's name becomes an agent's`() {
        #expect(AgentName(model: "llama3.2:1b").value == "llama3.2:1b")
        #expect(AgentName(model: "org/model 7b é").value == "org-model-7b--")
        #expect(AgentName(model: "").value == "model")
        #expect(AgentName(model: String(repeating: "a", count: 300)).value.count == 128)
    }
}
