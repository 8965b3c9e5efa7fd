import Foundation
import Testing
import ThroughlineCore
import ThroughlineTestKit

@Suite struct `JSON` {
    private func parse(_ text: String) throws -> JSONValue { try JSONDocument.parse(Array(text.utf8)) }

    @Test func `members, elements and scalars are found`() throws {
        let value = try parse(#" {"a": [1, -20, {"b": null}], "c": "x\u00e9\ud83d\ude42\n", "d": true, "a2": {}} "#)
        #expect(value["a"]?.elements.count == 3)
        #expect(value["a"]?.elements[1].integer == -20)
        #expect(value["a"]?.elements[2]["b"]?.isNull == true)
        #expect(value["c"]?.string == "xé🙂\n")
        #expect(value["d"]?.boolean == true)
        #expect(value["e"] == nil)
        #expect(value.members.map(\.name) == ["a", "c", "d", "a2"])
        #expect(value["a"].map { String(decoding: $0.compact, as: UTF8.self) } == #"[1,-20,{"b":null}]"#)
    }

    @Test func `of a name that stands twice the last counts`() throws {
        #expect(try parse(#"{"a":1,"\u0061":2}"#)["a"]?.integer == 2)
    }

    @Test(arguments: [
        "", "{", "}", "[1,]", "{\"a\":1,}", "{a:1}", "01", "1.", ".5", "1e", "+1", "nul", "truex", "\"a", "\"\\x\"",
        "\"\\u12\"",
        "[1 2]", "{\"a\" 1}", "\u{1}", "\"a\u{1}b\"", "1 1", "[", "\"\\", "--1", "0x1", "NaN", "'a'",
    ])
    func `what is no JSON is refused`(text: String) {
        #expect(throws: JSONError.self) { try JSONDocument.parse(Array(text.utf8)) }
    }

    @Test(arguments: [#""\ud800""#, #""\udc00""#, #""\ud800x""#, #""\ud800\u0041""#, #""a\udfff""#])
    func `half a character is refused as such`(text: String) {
        #expect {
            try JSONDocument.parse(Array(text.utf8))
        } throws: { error in
            if case .loneSurrogate? = error as? JSONError { true } else { false }
        }
    }

    @Test(
        arguments: [
            [0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22],
            [0x22, 0xF5, 0x80, 0x80, 0x80, 0x22],
            [0x22, 0xE2, 0x82, 0x22], [0x22, 0xF0, 0x8F, 0xBF, 0xBF, 0x22], [0x22, 0x80, 0x22],
            [0x22, 0xF0, 0x9F, 0x98],
        ] as [[UInt8]])
    func `what is no UTF-8 is refused`(bytes: [UInt8]) {
        #expect(throws: JSONError.self) { try JSONDocument.parse(bytes) }
    }

    @Test func `depth is bounded`() throws {
        let deep = { (count: Int) in
            Array((String(repeating: "[", count: count) + String(repeating: "]", count: count)).utf8)
        }
        _ = try JSONDocument.parse(deep(64))
        #expect {
            try JSONDocument.parse(deep(65))
        } throws: { error in
            if case .tooDeep? = error as? JSONError { true } else { false }
        }
    }

    @Test(arguments: 0..<40) func `any text survives writing and reading`(seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed))
        for _ in 0..<50 {
            let text = random.text(upTo: 30)
            let written = JSONWriter.object { $0.field("text", text) }
            #expect(try JSONDocument.parse(written)["text"]?.string == text)
            let object = try #require(try JSONSerialization.jsonObject(with: Data(written)) as? [String: String])
            #expect(object["text"] == text)
        }
    }

    /// Mutates texts at random. Where Foundation and this parser disagree, it may only be because this one is stricter, in a way
    /// that is listed.
    @Test(arguments: 0..<20) func `no text is accepted that Foundation refuses`(seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed))
        let base = Array(#"{"a":[1,2.5e3,"x\n\u00e9",{"b":null,"c":[true,false]}],"d":"é🙂","e":-0.1}"#.utf8)
        for _ in 0..<400 {
            var bytes = base
            for _ in 0...random.below(3) {
                let index = random.below(bytes.count)
                switch random.below(3) {
                case 0: bytes[index] = UInt8(random.below(256))
                case 1: bytes.remove(at: index)
                default: bytes.insert(random.pick(Array(#"{}[]",:\u019e.-"#.utf8)), at: index)
                }
            }
            let ours = (try? JSONDocument.parse(bytes)) != nil
            guard ours else { continue }
            let theirs = (try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)) != nil
            #expect(theirs, "seed \(seed): accepted \(String(decoding: bytes, as: UTF8.self))")
        }
    }

    @Test(arguments: [
        (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#), (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#),
        (#"{"a":"b"}"#, #"{"a":null}"#, "{}"), (#"{"a":"b","b":"c"}"#, #"{"a":null}"#, #"{"b":"c"}"#),
        (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#), (#"{"a":"c"}"#, #"{"a":["b"]}"#, #"{"a":["b"]}"#),
        (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#),
        (#"{"e":null}"#, #"{"a":1}"#, #"{"e":null,"a":1}"#), ("{}", #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
    ])
    func `merge patches follow the examples of RFC 7396`(target: String, patch: String, result: String) throws {
        let merged = MergePatch.apply(try parse(patch), to: try parse(target))
        #expect(String(decoding: merged, as: UTF8.self) == result)
    }

    @Test(arguments: [
        ("{}", #"{"a":1,"a":2}"#, #"{"a":2}"#), ("{}", #"{"a":1,"a":null}"#, "{}"),
        (#"{"a":1,"a":2}"#, #"{"b":3}"#, #"{"a":2,"b":3}"#),
        (#"{"a":1}"#, #"{"a":null,"a":{"b":2}}"#, #"{"a":{"b":2}}"#),
        ("{\"\u{E9}\":1}", "{\"e\u{301}\":null}", "{\"\u{E9}\":1}"),
    ])
    func `a merge patch goes by a name's bytes, and by its last value`(
        target: String, patch: String, result: String
    ) throws {
        let merged = MergePatch.apply(try parse(patch), to: try parse(target))
        #expect(String(decoding: merged, as: UTF8.self) == result)
    }

    @Test func `an incomplete character at the end is measured`() {
        let text = Array("a🙂é".utf8)
        let whole = [0, 0, 1, 2, 3, 0, 1, 0]
        for length in 0...text.count {
            #expect(UTF8Check.incompleteSuffix(of: text[..<length]) == whole[length], "at \(length)")
        }
    }
}
