import Testing
import ThroughlineTestKit

@testable import ThroughlineCore

/// The short way of appends has to mean what the general way means.
struct AppendFrameTests {
    private static func frame(_ text: String) -> AppendFrame? {
        var frame = AppendFrame()
        return Array(text.utf8).withUnsafeBufferPointer { frame.scan($0) } ? frame : nil
    }

    @Test func `reads what agents send`() throws {
        let text =
            #"{"op":"write","session":"s1","run":"r1","lease":"l-1","seq":7,"events":[{"type":"part.appended","part":"#
            + #"{"id":"p1","offset":12,"text":" sea"}}]}"#
        let frame = try #require(Self.frame(text))
        let bytes = Array(text.utf8)
        func word(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
        #expect(word(frame.session) == "s1")
        #expect(word(frame.run) == "r1")
        #expect(word(frame.lease) == "l-1")
        #expect(word(frame.part) == "p1")
        #expect(frame.number == 7)
        #expect(frame.appends.map { word($0.text) } == [" sea"])
        #expect(frame.appends.map(\.offset) == [12])
    }

    @Test(arguments: [
        #"{"op":"write","session":"s","run":"r","lease":"l","seq":1,"events":[]}"#,
        #"{"op":"write","op":"write","session":"s","run":"r","lease":"l","seq":1,"events":[{"type":"part.appended","part":{"id":"p","offset":0,"text":"a"}}]}"#,
        #"{"id":1,"op":"write","session":"s","run":"r","lease":"l","seq":1,"events":[{"type":"part.appended","part":{"id":"p","offset":0,"text":"a"}}]}"#,
        #"{"op":"write","session":"s","run":"r","lease":"l","seq":1.0,"events":[{"type":"part.appended","part":{"id":"p","offset":0,"text":"a"}}]}"#,
        #"{"op":"write","session":"s","run":"r","lease":"l","seq":1,"events":[{"type":"part.appended","part":{"id":"p","offset":0,"text":"a"}}]}x"#,
        #"{"op":"write","session":"s","run":"r","lease":"l","seq":1,"events":[{"type":"part.appended","part":{"id":"p","offset":0,"text":"\u0041"}}]}"#,
        #"{"op":"write","session":"s","run":"r","lease":"l","seq":1,"events":[{"type":"part.appended","part":{"id":"p","offset":0,"text":"a"}},{"type":"part.appended","part":{"id":"q","offset":0,"text":"a"}}]}"#,
        #"{"op":"write","session":"s","run":"r","lease":"l","seq":1,"events":[{"type":"part.ended","part":{"id":"p","offset":0,"text":"a"}}]}"#,
        "",
    ])
    func `leaves the unusual to others`(_ text: String) {
        #expect(Self.frame(text) == nil)
    }

    @Test func `reads an array of events whose names came apart from it`() throws {
        let bytes = Array(#"[{"type":"part.appended","part":{"id":"p1","offset":0,"text":"a sea"}}]"#.utf8)
        var frame = AppendFrame()
        #expect(bytes.withUnsafeBufferPointer { frame.scanEvents($0, number: 3) })
        #expect(frame.number == 3)
        #expect(frame.appends.map { String(decoding: bytes[$0.text], as: UTF8.self) } == ["a sea"])
        for other in ["", "[]", "[7]", "{}", #"[{"type":"part.ended","part":{"id":"p1"}}]"#] {
            let bytes = Array(other.utf8)
            #expect(!bytes.withUnsafeBufferPointer { frame.scanEvents($0, number: 3) }, "\(other)")
        }
        #expect(!(bytes + [0x5D]).withUnsafeBufferPointer { frame.scanEvents($0, number: 3) })
    }

    @Test(arguments: 1...20) func `what it accepts, the general decoder reads the same`(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var accepted = 0
        for _ in 0..<2_000 {
            var bytes = Array(AppendMaker.message(&random).utf8)
            if Int.random(in: 0..<3, using: &random) == 0, !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: place)
                default: bytes.insert(bytes[Int.random(in: 0..<bytes.count, using: &random)], at: place)
                }
            }
            var frame = AppendFrame()
            guard bytes.withUnsafeBufferPointer({ frame.scan($0) }) else { continue }
            accepted += 1
            try expectSame(frame, bytes)
        }
        #expect(accepted > 500, "seed \(seed)")
    }

    private func expectSame(_ frame: AppendFrame, _ bytes: [UInt8]) throws {
        let value = try JSONDocument.parse(bytes)
        func word(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
        #expect(value["op"]?.string == "write")
        #expect(value["session"]?.string == word(frame.session))
        #expect(value["run"]?.string == word(frame.run))
        #expect(value["lease"]?.string == word(frame.lease))
        #expect(value["seq"]?.integer == Int64(frame.number))
        let events = try #require(value["events"]).elements
        #expect(events.count == frame.appends.count)
        for (event, append) in zip(events, frame.appends) {
            #expect(event["type"]?.string == "part.appended")
            let part = try #require(event["part"])
            #expect(part["id"]?.string == word(frame.part))
            #expect(part["offset"]?.integer == Int64(append.offset))
            var text: [UInt8] = []
            bytes.withUnsafeBufferPointer {
                JSONEscape.decode(UnsafeBufferPointer(rebasing: $0[append.text]), into: &text)
            }
            #expect(part["text"]?.textBytes == text)
        }
    }

    @Test(arguments: 1...20) func `a machine that takes the short way emits the same records`(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var short = AppendMaker.machine()
        var general = short
        _ = short.drain()
        _ = general.drain()
        let holder = try #require(short.holder(ofActive: AppendMaker.run, token: "l-token"))
        var cursor = SessionMachine.PartCursor()
        var taken = 0
        for step in 0..<300 {
            let at = Timestamp(rawValue: Int64(1_000 + step))
            let bytes = Array(AppendMaker.write(&random, general).utf8)
            var frame = AppendFrame()
            try #require(bytes.withUnsafeBufferPointer { frame.scan($0) })
            let isTaken = bytes.withUnsafeBufferPointer {
                short.append(frame, in: $0, by: holder, cursor: &cursor, at: at)
            }
            let value = try JSONDocument.parse(bytes)
            let events = try OperationDecoder().agentEvents(try #require(value["events"]))
            let result = Result { () throws(Refusal) in
                try general.write(
                    events, run: AppendMaker.run, token: "l-token", number: frame.number, at: at)
            }
            if isTaken {
                taken += 1
                #expect(try result.get() == .init(number: frame.number, isDuplicate: false))
                #expect(short.drain()?.records == general.drain()?.records, "seed \(seed), step \(step)")
            } else {
                // It must have left everything as it was: the general way continues from there.
                #expect(short.drain() == nil)
                _ = try? short.write(
                    events, run: AppendMaker.run, token: "l-token", number: frame.number, at: at)
                #expect(short.drain()?.records == general.drain()?.records)
            }
            #expect(try short.snapshot(.init()) == general.snapshot(.init()))
        }
        #expect(taken > 100 && taken < 300, "seed \(seed)")
    }
}

/// Random messages and the machine that they are for.
private enum AppendMaker {
    static let run = RunID(unchecked: "r1")
    static let texts = ["a", " sea", "ß", "日本", "🦋", #"\n"#, #"\""#, "a longer piece of text, over eight bytes", "é."]

    static func machine() -> SessionMachine {
        let ada = Participant(id: "ada", role: .user)
        var machine = SessionMachine(
            creating: SessionInfo(id: SessionID(unchecked: "s1"), title: "", metadata: Array("{}".utf8)), by: ada,
            at: Timestamp(rawValue: 1))
        do throws(Refusal) {
            _ = try machine.startRun(
                RunRequest(
                    id: run, agent: AgentName(unchecked: "echo"), leaseMilliseconds: 30_000, token: "l-token"),
                by: ada, at: Timestamp(rawValue: 2))
            let message = MessageID(unchecked: "m1")
            _ = try machine.write(
                [
                    .messageStarted(id: message),
                    .partStarted(id: PartID(unchecked: "p1"), message: message, head: PartHead(kind: .text)),
                    .partStarted(id: PartID(unchecked: "p2"), message: message, head: PartHead(kind: .text)),
                ], run: run, token: "l-token", number: 1, at: Timestamp(rawValue: 3))
        } catch {
            preconditionFailure("the machine for the test: \(error)")
        }
        return machine
    }

    /// A write that mostly fits where the machine stands.
    static func write(_ random: inout SeededRandom, _ machine: SessionMachine) -> String {
        let written = machine.runs[run]?.written ?? 0
        let part = PartID(unchecked: Bool.random(using: &random) ? "p1" : "p2")
        let place = machine.parts[part]
        var offset = place.map { machine.messages[$0.message].parts[$0.part].text.count } ?? 0
        var number = written + 1
        switch Int.random(in: 0..<12, using: &random) {
        case 0: offset += 1
        case 1: offset = max(0, offset - 1)
        case 2: number += 1
        case 3: number = max(1, number - 1)
        default: break
        }
        return message(&random, part: part.value, offset: offset, number: number, session: "s1")
    }

    static func message(_ random: inout SeededRandom) -> String {
        message(
            &random, part: "p\(Int.random(in: 0..<3, using: &random))", offset: Int.random(in: 0..<99, using: &random),
            number: UInt64.random(in: 1..<99, using: &random), session: "s9")
    }

    private static func message(
        _ random: inout SeededRandom, part: String, offset: Int, number: UInt64, session: String
    ) -> String {
        var events: [String] = []
        var offset = offset
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let text = texts.randomElement(using: &random) ?? ""
            let members = [#""id":"\#(part)""#, #""offset":\#(offset)"#, #""text":"\#(text)""#].shuffled(using: &random)
            events.append(#"{"type":"part.appended","part":{\#(members.joined(separator: ","))}}"#)
            offset += text.hasPrefix("\\") ? 1 : text.utf8.count
        }
        let members = [
            #""op":"write""#, #""session":"\#(session)""#, #""run" : "r1""#, #""lease":"l-token""#,
            #""seq":\#(number)"#,
            #""events":[\#(events.joined(separator: ", "))]"#,
        ]
        return "{\(members.shuffled(using: &random).joined(separator: ", "))}"
    }
}
