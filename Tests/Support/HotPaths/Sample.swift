import ThroughlineCore

/// A session with one open part, and what its agent sends to it.
enum Sample {
    static let session = SessionID(unchecked: "session-1")
    static let run = RunID(unchecked: "run-1")
    static let part = PartID(unchecked: "part-1")
    static let agent = AgentName(unchecked: "bot")
    static let ada = Participant(id: "ada", role: .user)
    static let at = Timestamp(milliseconds: 1_795_000_000_000)
    /// About what the bench appends: 200 bytes.
    static let text = String(repeating: "a token or two and so on ", count: 8)

    /// The first write of the run: what the appends go to.
    static var opening: [AgentEvent] {
        let message = MessageID(unchecked: "message-1")
        return [.messageStarted(id: message), .partStarted(id: part, message: message, head: PartHead(kind: .text))]
    }

    /// A session whose run has sent its first write.
    static func machine(token: String = "l-token") throws -> SessionMachine {
        var machine = SessionMachine(creating: SessionInfo(id: session), by: ada, at: at)
        _ = try machine.startRun(
            RunRequest(id: run, agent: agent, leaseMilliseconds: 30_000, token: token), by: ada, at: at)
        _ = try machine.write(opening, run: run, token: token, number: 1, at: at)
        return machine
    }

    /// The messages of the writes from the second on, each with one append.
    static func messages(_ count: Int, token: String = "l-token") -> [[UInt8]] {
        (0..<count).map { index in
            let append =
                #"{"type":"part.appended","part":{"id":"\#(part)","offset":\#(index * text.utf8.count),"text":"\#(text)"}}"#
            return Array(
                #"{"op":"write","session":"\#(session)","run":"\#(run)","lease":"\#(token)","seq":\#(index + 2),"events":[\#(append)]}"#
                    .utf8)
        }
    }

    /// The records of a session with so many appends, its beginning included.
    static func records(appends count: Int) throws -> [LogRecord] {
        var machine = try machine()
        guard let holder = machine.holder(ofActive: run, token: "l-token") else { fatalError("the run is not active") }
        var (frame, cursor) = (AppendFrame(), SessionMachine.PartCursor())
        for message in messages(count) {
            message.withUnsafeBufferPointer { bytes in
                let isTaken =
                    frame.scan(bytes) && machine.append(frame, in: bytes, by: holder, cursor: &cursor, at: at)
                expect(isTaken, "an append was not taken")
            }
        }
        return machine.drain()?.records ?? []
    }
}
