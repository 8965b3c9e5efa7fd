import Testing
import ThroughlineCore

@Suite struct `What clients send` {
    private let decoder = OperationDecoder()

    private func decode(_ text: String, _ decode: (JSONValue) throws -> some Any) -> Refusal.Code? {
        code { try decode(try decoder.json(Array(text.utf8))) }
    }

    @Test(
        arguments: [
            (#"{"parts":[{"kind":"text","text":"x"}]}"#, nil), (#"{}"#, .fieldMissing),
            (#"{"parts":[]}"#, .fieldInvalid),
            (#"{"parts":[{"kind":"song","text":"x"}]}"#, .fieldInvalid), (#"{"parts":[{"text":"x"}]}"#, .fieldMissing),
            (#"{"parts":[{"kind":"text","text":1}]}"#, .fieldInvalid), (#"{"id":"a b","parts":[]}"#, .idInvalid),
            (#"{"parts":[{"kind":"text","text":"x","audience":"operators"}]}"#, .fieldInvalid),
        ] as [(String, Refusal.Code?)])
    func `an input is checked whole`(body: String, expected: Refusal.Code?) {
        #expect(decode(body, decoder.addInput) == expected)
    }

    @Test(
        arguments: [
            (#"{"verb":"cancel","target":{"all":true}}"#, nil),
            (#"{"verb":"dance","target":{"all":true}}"#, .verbUnsupported),
            (#"{"verb":"cancel"}"#, .fieldMissing), (#"{"verb":"cancel","target":{}}"#, .fieldInvalid),
            (#"{"verb":"cancel","target":{"all":false}}"#, .fieldInvalid),
            (#"{"verb":"cancel","target":{"run":"r","all":true}}"#, .fieldInvalid),
            (#"{"verb":"cancel","target":{"run":"r!"}}"#, .idInvalid),
        ] as [(String, Refusal.Code?)])
    func `a command names one target`(body: String, expected: Refusal.Code?) {
        #expect(decode(body, decoder.command) == expected)
    }

    @Test(
        arguments: [
            (#"[{"type":"part.appended","part":{"id":"p","offset":0,"text":"x"}}]"#, nil),
            (#"{"type":"run.ended"}"#, .eventUnsupported),
            (#"[1]"#, .eventInvalid), (#"{"type":"part.appended"}"#, .eventInvalid),
            (#"{"type":"part.appended","part":{"id":"p","offset":-1,"text":"x"}}"#, .eventInvalid),
            (#"{"type":"part.appended","part":{"id":"p","offset":1.5,"text":"x"}}"#, .eventInvalid),
            (#"{"type":"part.started","part":{"id":"p","message":"m","kind":"text","text":"x"}}"#, .eventInvalid),
            (#"{"type":"message.started","message":{"id":"m","role":"king"}}"#, .fieldInvalid),
            (#"{"type":"part.ended","part":{"id":"p","status":"cancelled"}}"#, .fieldInvalid),
        ] as [(String, Refusal.Code?)])
    func `an agent's event is one that agents may write`(body: String, expected: Refusal.Code?) {
        #expect(decode(body, decoder.agentEvents) == expected)
    }

    @Test func `texts and numbers of events are bounded`() {
        let long = String(repeating: "x", count: decoder.limits.appendText + 1)
        let append = #"{"type":"part.appended","part":{"id":"p","offset":0,"text":""# + long + #""}}"#
        #expect(decode(append, decoder.agentEvents) == .tooLarge)
        let many = "[" + Array(repeating: "{}", count: decoder.limits.eventsPerWrite + 1).joined(separator: ",") + "]"
        #expect(decode(many, decoder.agentEvents) == .tooLarge)
        #expect(decode(#"{"agent":"a","lease":{"milliseconds":999}}"#, decoder.startRun) == .fieldInvalid)
        #expect(decode(#"{"agent":"a","inputs":["i","i"]}"#, decoder.startRun) == .fieldInvalid)
        #expect(decode(#"{"policies":{"followUp":"later"}}"#, decoder.create) == .fieldInvalid)
        #expect(decode(#"{"metadata":[]}"#, decoder.create) == .fieldInvalid)
    }

    @Test func `every code has a status of its kind and a title in words`() {
        for code in Refusal.Code.allCases {
            #expect((400...599).contains(code.status))
            #expect(!code.title.contains("_"))
        }
    }
}
