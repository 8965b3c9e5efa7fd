import Testing
import ThroughlineCore
import ThroughlineTestKit

@Suite struct `A fork` {
    private func fork(_ records: [LogRecord], at: Int, title: String? = nil) throws -> (SessionMachine, [LogRecord]) {
        let request = SessionFork.Request(
            id: SessionID("copy")!, title: title,
            origin: .init(session: SessionID("s")!, sequence: SequenceNumber(UInt64(at))))
        var fork = SessionFork(request, limits: SessionLimits())
        for record in records where record.kind == .event && record.sequence.rawValue <= UInt64(at) {
            let isTaken = fork.take(record.payload)
            #expect(isTaken)
        }
        let finished = fork.finish(by: .anonymous, at: Timestamp(milliseconds: 9_999_999))
        var machine = try #require(finished)
        return (machine, machine.drain()?.records ?? [])
    }

    @Test(arguments: 0..<20) func `says what the original said, with nothing left open`(seed: Int) throws {
        var drive = Drive(seed: UInt64(seed))
        for _ in 0..<150 { drive.step() }
        let events = drive.scene.records.filter { $0.kind == .event }
        var random = SeededRandom(seed: UInt64(seed) &+ 5)
        let at = random.below(events.count) + 1
        let cut = drive.scene.records.firstIndex { $0.kind == .event && $0.sequence.rawValue == UInt64(at) }!
        let original = try #require(SessionMachine(replaying: Array(drive.scene.records[...cut])))
        let (copy, records) = try fork(drive.scene.records, at: at, title: "Another")
        #expect(copy.info.id.value == "copy" && copy.info.title == "Another" && copy.info.state == .open)
        #expect(copy.info.forkedFrom?.sequence.rawValue == UInt64(at))
        #expect(copy.allMessages.map(\.id) == original.allMessages.map(\.id))
        for (one, other) in zip(copy.allMessages, original.allMessages) {
            #expect(one.parts.map(\.text) == other.parts.map(\.text) && one.at == other.at && one.by == other.by)
            #expect(one.status != .streaming && one.parts.allSatisfy { $0.status != .streaming })
        }
        #expect(copy.allInputs.map(\.parts) == original.allInputs.map(\.parts))
        #expect(copy.allInputs.allSatisfy { ![.queued, .claimed].contains($0.state) })
        #expect(copy.activeRunIDs.isEmpty && copy.untoldRuns.isEmpty)
        let replayed = try #require(SessionMachine(replaying: records))
        #expect(try replayed.snapshot() == copy.snapshot())
        for run in original.activeRunIDs {
            #expect(copy.run(run)?.state == .failed && copy.run(run)?.error?.code == "forked")
            #expect(copy.lease(of: run)?.token == "", "no lease comes along")
        }
    }

    @Test func `has the text of an answer in few events`() throws {
        var scene = Scene()
        _ = try scene.run("r")
        _ = try scene.write([
            Scene.message("m"), Scene.part("p", in: "m"), Scene.part("q", in: "m"),
        ])
        for index in 0..<200 { _ = try scene.write([Scene.append("p", index, "x"), Scene.append("q", index, "y")]) }
        _ = scene.take()
        let (copy, records) = try fork(scene.records, at: Int(scene.machine.tail.rawValue))
        #expect(records.count < 15)
        #expect(copy.allMessages.first?.parts.map(\.text.count) == [200, 200])
    }

    @Test func `works on by itself`() throws {
        var scene = Scene()
        _ = try scene.input("i")
        _ = try scene.run("r", inputs: ["i"])
        _ = try scene.cancel("c", .all)
        scene.machine.update(title: "T", metadata: nil, closing: true, by: scene.ada, at: scene.at)
        _ = scene.take()
        let (copy, _) = try fork(scene.records, at: Int(scene.machine.tail.rawValue))
        #expect(copy.info.title == "T" && copy.command(CommandID("c")!)?.state == .applied)
        scene.machine = copy
        #expect(try scene.input("j"))
        #expect(try scene.run("r2", inputs: ["j"]))
        #expect(try !scene.input("i"), "ids are those of the original")
    }
}
