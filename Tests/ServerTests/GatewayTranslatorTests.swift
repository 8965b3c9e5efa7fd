import Testing
import ThroughlineCore
import ThroughlineServer

@Suite struct GatewayTranslatorTests {
    private func delta(_ delta: String, finish: String? = nil, index: Int = 0) -> String {
        let reason = finish.map { "\"\($0)\"" } ?? "null"
        return #"{"id":"c","choices":[{"index":\#(index),"delta":\#(delta),"finish_reason":\#(reason)}],"x":{"y":[1]}}"#
    }

    /// Feeds frames and tells the events in a short form.
    private func story(_ frames: [String], _ translator: inout ChatChunkTranslator) -> [String] {
        frames.flatMap { translator.consume(Array($0.utf8)) }.map(Self.told)
    }

    private func story(_ frames: [String]) -> [String] {
        var translator = ChatChunkTranslator(prefix: "r")
        return story(frames, &translator)
    }

    private static func told(_ event: AgentEvent) -> String {
        switch event {
        case .messageStarted(let id, let role, _, _, _): "\(id) \(role.rawValue)"
        case .messageEnded(let id, let status): "\(id) \(status.rawValue)"
        case .partStarted(let id, _, let head):
            ([id.value, head.kind.rawValue] + [head.name, head.call].compactMap(\.self)).joined(separator: " ")
        case .partAppended(let id, let offset, let text): "\(id) @\(offset) \(String(decoding: text, as: UTF8.self))"
        case .partEnded(let id, let status): "\(id) \(status.rawValue)"
        case .stepStarted, .stepEnded, .requestOpened, .requestWithdrawn, .runUpdated, .runWaiting, .runResumed,
            .commandApplied, .commandDeferred:
            "\(event)"
        }
    }

    @Test func `A plain answer is one message with one part`() {
        var translator = ChatChunkTranslator(prefix: "r")
        let told = story(
            [
                delta(#"{"role":"assistant","content":null}"#), delta(#"{"content":"Salz 🧂"}"#),
                delta(#"{"content":"!"}"#),
                delta("{}", finish: "stop"),
                #"{"choices":[],"usage":{"prompt_tokens": 3},"timings":{"a":1.5}}"#, "[DONE]",
            ], &translator)
        #expect(
            told == [
                "r.0 assistant", "r.0.p0 text", "r.0.p0 @0 Salz 🧂", "r.0.p0 @9 !", "r.0.p0 complete", "r.0 complete",
            ])
        #expect(translator.usage == Array(#"{"prompt_tokens":3}"#.utf8))
        #expect(translator.isComplete && translator.sawDone && translator.error == nil)
    }

    @Test(arguments: ["reasoning_content", "reasoning"])
    func `Reasoning ends where the text begins`(field: String) {
        let told = story([
            delta(#"{"role":"assistant","content":""}"#), delta(#"{"\#(field)":"hm"}"#),
            delta(#"{"\#(field)":"m","content":""}"#),
            delta(#"{"content":"ok"}"#, finish: "stop"),
        ])
        #expect(
            told == [
                "r.0 assistant", "r.0.p0 reasoning", "r.0.p0 @0 hm", "r.0.p0 @2 m", "r.0.p0 complete", "r.0.p1 text",
                "r.0.p1 @0 ok", "r.0.p1 complete", "r.0 complete",
            ])
    }

    @Test func `Tool calls come in pieces, side by side`() {
        let told = story([
            delta(#"{"content":"Let me see"}"#),
            delta(#"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"sea","arguments":""}}]}"#),
            delta(#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\""}}]}"#),
            delta(#"{"tool_calls":[{"index":1,"id":"b","function":{"name":"tide","arguments":"{}"}}]}"#),
            delta(#"{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}"#),
            delta("{}", finish: "tool_calls"),
        ])
        #expect(
            told == [
                "r.0 assistant", "r.0.p0 text", "r.0.p0 @0 Let me see", "r.0.p0 complete", "r.0.p1 tool-call sea a",
                "r.0.p1 @0 {\"x\"", "r.0.p2 tool-call tide b", "r.0.p2 @0 {}", "r.0.p1 @4 :1}", "r.0.p1 complete",
                "r.0.p2 complete", "r.0 complete",
            ])
    }

    @Test func `A tool call without an index is known by its id`() {
        let told = story([
            delta(#"{"tool_calls":[{"id":"a","function":{"name":"sea","arguments":"{}"}}]}"#),
            delta(#"{"tool_calls":[{"id":"b","function":{"name":"tide","arguments":{"n": 1}}}]}"#),
        ])
        #expect(told.filter { $0.contains("tool-call") } == ["r.0.p0 tool-call sea a", "r.0.p1 tool-call tide b"])
        #expect(told.last == "r.0.p1 @0 {\"n\":1}")
    }

    @Test func `The largest index leaves room for a call without one`() {
        let told = story([
            delta(
                #"{"tool_calls":[{"index":9223372036854775807,"id":"a","function":{"name":"sea","arguments":"{}"}},{"id":"b","function":{"name":"tide","arguments":"1"}}]}"#
            )
        ])
        #expect(told.filter { $0.contains("tool-call") } == ["r.0.p0 tool-call sea a", "r.0.p1 tool-call tide b"])
    }

    @Test func `A refusal is text`() {
        #expect(story([delta(#"{"refusal":"No."}"#)]) == ["r.0 assistant", "r.0.p0 text", "r.0.p0 @0 No."])
    }

    @Test func `Every choice is a message, and all have to finish`() {
        var translator = ChatChunkTranslator(prefix: "r")
        let told = story(
            [delta(#"{"content":"a"}"#), delta(#"{"content":"b"}"#, finish: "stop", index: 1)], &translator)
        #expect(told.filter { $0.hasSuffix("assistant") } == ["r.0 assistant", "r.1 assistant"])
        #expect(!translator.isComplete)
        _ = story([delta("{}", finish: "length")], &translator)
        #expect(translator.isComplete && !translator.sawDone)
    }

    @Test func `Without a terminal an answer is not complete`() {
        var translator = ChatChunkTranslator(prefix: "r")
        #expect(!translator.isComplete)
        _ = story([delta(#"{"content":"half"}"#)], &translator)
        #expect(!translator.isComplete)
    }

    @Test func `An error chunk is told with its code`() {
        var translator = ChatChunkTranslator(prefix: "r")
        _ = story(
            [delta(#"{"content":"half"}"#), #"{"error":{"message":"It fell over.","code":"crash"}}"#], &translator)
        #expect(translator.error == RunError(code: "crash", message: "It fell over."))
        var other = ChatChunkTranslator(prefix: "r")
        _ = story([#"{"error":"plain"}"#], &other)
        #expect(other.error == RunError(code: "upstream_failed", message: "plain"))
    }

    @Test func `Characters cut in two escapes come out whole`() {
        let told = story([
            delta(#"{"content":"a\ud83c"}"#), delta(#"{"content":"\udf0a b"}"#),
            delta(#"{"content":"\ud83d\ude00 \udc00"}"#),
            delta(#"{"content":"\ud83d"}"#), delta(#"{"content":"c"}"#),
            delta(#"{"content":"\ud83d"}"#, finish: "stop"),
        ])
        #expect(
            told.filter { $0.contains("@") } == [
                "r.0.p0 @0 a", "r.0.p0 @1 🌊 b", "r.0.p0 @7 😀 \u{FFFD}", "r.0.p0 @15 \u{FFFD}c", "r.0.p0 @19 \u{FFFD}",
            ])
    }

    @Test func `What is no chunk says nothing`() {
        #expect(
            story(["", "ping", "{", "[]", "{}", #"{"choices":[]}"#, #"{"choices":[7]}"#, #"{"choices":{}}"#]).isEmpty)
    }

    @Test func `A long text is appended in pieces between characters`() {
        var translator = ChatChunkTranslator(prefix: "r")
        let text = String(repeating: "🌊", count: 40_000)
        let events = translator.consume(Array(delta(#"{"content":"\#(text)"}"#).utf8))
        var joined: [UInt8] = []
        for case .partAppended(_, let offset, let piece) in events {
            #expect(offset == joined.count && piece.count <= 64 << 10)
            #expect(String(validating: piece, as: UTF8.self) != nil)
            joined += piece
        }
        #expect(joined == Array(text.utf8))
    }

    @Test func `A whole answer is told like a streamed one`() throws {
        var translator = ChatChunkTranslator(prefix: "r")
        let body =
            #"{"choices":[{"index":0,"message":{"role":"assistant","content":"Hi","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}],"usage":{"total_tokens":2}}"#
        let answer = translator.consume(body: Array(body.utf8))
        let events = try #require(answer)
        #expect(
            events.map(Self.told) == [
                "r.0 assistant", "r.0.p0 text", "r.0.p0 @0 Hi", "r.0.p0 complete", "r.0.p1 tool-call f a",
                "r.0.p1 @0 {}",
                "r.0.p1 complete", "r.0 complete",
            ])
        #expect(translator.isComplete && translator.usage != nil)
        var other = ChatChunkTranslator(prefix: "r")
        let page = other.consume(body: Array("<html>".utf8))
        #expect(page == nil)
    }
}
