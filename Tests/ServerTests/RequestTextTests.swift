import Testing
import ThroughlineCore
import ThroughlineEngine

@testable import ThroughlineServer

@Suite struct `Texts of requests` {
    /// U+0605 and a letter, or a separator and U+0301, are one `Character`.
    @Test(arguments: [
        ("ada; role=agent", "ada"), ("a\u{605}; role=agent", "a\u{605}"), ("a;\u{20}role=\u{20}agent ", "a"),
    ])
    func `a participant's role is found whatever the name ends with`(text: String, id: String) throws {
        let who = try RequestIdentity.parse(text, key: nil)
        #expect(who == Participant(id: id, role: .agent))
    }

    @Test(arguments: ["ada;", "ada; role", "ada; =agent", "", ";role=agent"])
    func `what is no participant is refused`(text: String) {
        #expect(throws: Refusal.self) { try RequestIdentity.parse(text, key: nil) }
    }

    @Test(arguments: [
        ("/c?as=a%20b", "a b"), ("/c?x=1&as=a+b&as=c", "a b"), ("/c?x=\u{605}&as=a", "a"), ("/c?as=%+1", "% 1"),
        ("/c?as=&as=b", "b"), ("/c?as=%ff", nil), ("/c", nil), ("/c?bas=1", nil),
    ])
    func `a parameter is read from the query`(target: String, value: String?) {
        #expect(QueryText.parameter("as", of: target) == value)
    }

    @Test(arguments: [("0", 0), ("007", 7), ("9223372036854775807", Int.max)])
    func `digits are a number`(text: String, number: Int) {
        #expect(Int(digits: text) == number)
    }

    @Test(arguments: ["", "+5", "-5", " 5", "5 ", "5.0", "0x5", "٥", "9223372036854775808"])
    func `what has more than digits, or too many, is no number`(text: String) {
        #expect(Int(digits: text) == nil)
    }

    @Test(arguments: ["+1.2", "1.+2", "1.-2", "1", "1.2.3", "."])
    func `what no frame has for a cursor is none`(text: String) {
        #expect(FrameCursor(text) == nil)
    }
}
