import Testing
import ThroughlineCore

@Suite struct `What is read back from the log` {
    @Test(arguments: [
        #"{"seq":-1,"at":1,"type":"message.ended","message":{"id":"m","status":"complete"}}"#,
        #"{"seq":1,"at":1,"type":"run.started","run":{"id":"r","agent":"a","epoch":-1,"lease":{"milliseconds":1}}}"#,
        #"{"seq":1,"at":1,"type":"part.appended","part":{"id":"p","offset":-1,"text":"x"}}"#,
        #"{"seq":9223372036854775808,"at":1,"type":"message.ended","message":{"id":"m","status":"complete"}}"#,
    ])
    func `is no event when a number is out of range`(text: String) {
        #expect(Event(stored: Array(text.utf8)) == nil)
    }

    @Test func `is a note without the number that is out of range`() {
        #expect(Note(stored: Array(#"{"run":"r","write":-1}"#.utf8)) == Note(run: RunID("r")))
    }
}
