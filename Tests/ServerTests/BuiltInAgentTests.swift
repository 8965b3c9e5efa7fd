import Testing
import ThroughlineServer

@testable import ThroughlineCore

@Suite struct BuiltInAgentTests {
    @Test func `The demonstration answers the same to the same`() {
        #expect(DemoAnswer(to: "Why is the sea salty?") == DemoAnswer(to: "Why is the sea salty?"))
        #expect(DemoAnswer(to: "a") != DemoAnswer(to: "b"))
        #expect(DemoAnswer(to: "").steps.count == 4)
    }

    @Test func `It thinks, calls a tool, gets a result and answers`() throws {
        let steps = DemoAnswer(to: "Hello `there` <b>").steps
        #expect(steps.map(\.head.kind) == [.reasoning, .toolCall, .toolResult, .text])
        #expect(steps[1].head.call == steps[2].head.call)
        #expect(try JSONDocument.parse(Array(steps[1].text.utf8))["text"]?.string == "Hello there b")
        for mark in ["## ", "- ", "| ", "```", "**", "]("] { #expect(steps[3].text.contains(mark)) }
        #expect(steps[3].text.contains("Hello there b"))
    }

    @Test func `It knows some words`() {
        let plain = DemoAnswer(to: "hi").steps[3].text
        #expect(DemoAnswer(to: "a LONG one").steps[3].text.count > plain.count * 3)
        #expect(DemoAnswer(to: "a table").steps[3].text.contains("run.ended"))
        #expect(DemoAnswer(to: "some code").steps[3].text.contains("```swift"))
        #expect(DemoAnswer(to: "👍").steps[3].text.contains("👩‍👩‍👧"))
    }

    @Test(arguments: ["", " ", "a", "a b", "  a\n\n- b  c\n", "👩‍👩‍👧 é\tשלום"])
    func `Words put together are the text`(text: String) {
        #expect(DemoAnswer.words(of: text).joined() == text)
    }

    private func input(_ id: String, _ sequence: UInt64, _ text: String, state: Input.State = .answered) -> Input {
        Input(
            id: InputID(unchecked: id), sequence: SequenceNumber(sequence), at: Timestamp(milliseconds: 0),
            by: .anonymous,
            agent: nil, parts: [InputPart(text: text)], state: state)
    }

    private func steer(_ text: String) -> Command {
        let order = CommandOrder(verb: .steer, target: .all, parts: [InputPart(text: text)])
        return Command(
            id: CommandID(unchecked: "c"), sequence: SequenceNumber(4), at: Timestamp(milliseconds: 0), by: .anonymous,
            order: order)
    }

    private func message(_ sequence: UInt64, _ role: MessageRole, _ text: String) -> Message {
        var part = Part(id: PartID(unchecked: "p\(sequence)"), head: PartHead(kind: .text))
        part.text = Array(text.utf8)
        let thought = Part(
            id: PartID(unchecked: "t\(sequence)"), head: PartHead(kind: .reasoning), text: Array("hm".utf8))
        return Message(
            id: MessageID(unchecked: "m\(sequence)"), sequence: SequenceNumber(sequence),
            at: Timestamp(milliseconds: 0),
            by: .server, run: nil, role: role, parts: [thought, part])
    }

    @Test func `A prompt is what was said, in order, and the input last`() {
        let asked = input("now", 8, "And?", state: .claimed)
        let prompt = Prompt(
            [
                .message(message(2, .system, "Be short.")), .input(input("a", 4, "Why?")),
                .input(input("b", 6, "never mind", state: .withdrawn)), .steer(steer("Briefly")),
                .message(message(5, .assistant, "So.")), .message(message(10, .assistant, "")), .input(asked),
                .input(input("c", 9, "later", state: .queued)),
            ],
            answering: [asked])
        #expect(
            prompt.lines.map { "\($0.role): \($0.text)" } == [
                "system: Be short.", "user: Why?", "user: Briefly", "assistant: So.", "user: And?",
            ])
        let body = try? JSONDocument.parse(prompt.request(model: "m"))
        #expect(body?["messages"]?.count == 5 && body?["stream"]?.boolean == true)
    }

    @Test func `A prompt has what operators say to agents as instructions, and their answers as its own`() {
        var answer = message(3, .operator, "I look into it.")
        var whisper = message(4, .operator, "Offer a voucher.")
        answer.by = Participant(id: "olga", role: .operator)
        whisper.by = answer.by
        whisper.audience = .agents
        let asked = input("now", 8, "And?", state: .claimed)
        let prompt = Prompt(
            [.input(input("a", 2, "Where is it?")), .message(answer), .message(whisper), .input(asked)],
            answering: [asked])
        #expect(
            prompt.lines.map { "\($0.role): \($0.text)" } == [
                "user: Where is it?", "assistant: I look into it.",
                "system: The operator olga, to you and not to the user:\n\nOffer a voucher.", "user: And?",
            ])
    }

    @Test func `A prompt is bounded, the newest stays`() {
        let asked = input("now", 900, "And?", state: .claimed)
        let inputs = (1...300).map { SessionMachine.Said.input(input("i\($0)", UInt64($0 * 2), "text \($0)")) }
        let prompt = Prompt(
            [.message(message(1, .system, "Be short."))] + inputs + [.input(asked)], answering: [asked],
            maximumLines: 10)
        #expect(prompt.lines.count == 12 && prompt.lines[0].role == "system" && prompt.lines[10].text == "text 300")
        let small = Prompt(inputs, answering: [asked], maximumBytes: 20)
        #expect(small.lines.map(\.text) == ["text 299", "text 300", "And?"])
    }

    @Test func `A key ring knows its keys and is written as hashes`() throws {
        let key = KeyRing.newKey()
        var ring = KeyRing()
        let added = ring.add(key, name: "laptop", at: Timestamp(milliseconds: 5))
        let again = ring.add("other", name: "laptop", at: Timestamp(milliseconds: 5))
        #expect(added && !again)
        #expect(!String(decoding: ring.json, as: UTF8.self).contains(key))
        let read = try #require(KeyRing(json: ring.json))
        #expect(read.entries == ring.entries && read.name(of: key) == "laptop" && read.name(of: key + "x") == nil)
        let removed = ring.remove(name: "laptop")
        #expect(removed && ring.name(of: key) == nil)
        #expect(KeyRing(json: Array("{}".utf8)) == nil)
    }
}
