import Testing
import ThroughlineCore
import ThroughlineTestKit

@Suite struct `Checkpoints of a session` {
    @Test(arguments: 0..<40) func `a session read from one goes on exactly as the other does`(seed: Int) throws {
        var drive = Drive(seed: UInt64(seed))
        for _ in 0..<150 { drive.step() }
        let event = try #require(drive.scene.records.last { $0.kind == .event })
        let bytes = drive.scene.machine.checkpoint(at: event)
        var other = drive
        other.scene.machine = try #require(SessionMachine(checkpoint: bytes, at: event))
        let isSame = other.scene.machine.checkpoint(at: event) == bytes
        #expect(isSame)
        for step in 0..<150 {
            #expect(try other.scene.machine.snapshot() == drive.scene.machine.snapshot(), "seed \(seed), step \(step)")
            drive.step()
            other.step()
            #expect(other.counts == drive.counts, "seed \(seed), step \(step)")
            guard other.scene.records == drive.scene.records else {
                Issue.record("seed \(seed), step \(step): other events")
                return
            }
        }
    }

    @Test(arguments: 0..<40) func `one and the records behind it are the same as all records`(seed: Int) throws {
        var drive = Drive(seed: UInt64(seed))
        var random = SeededRandom(seed: UInt64(seed) &+ 5)
        for _ in 0..<(20 + random.below(150)) { drive.step() }
        // Often in the middle of an event's notes: those that follow it later have the same number.
        let place = try #require(drive.scene.records.lastIndex { $0.kind == .event })
        let event = drive.scene.records[place]
        // Of a machine that replayed: the other may know of holders that were told, which no record says.
        let bytes = try #require(SessionMachine(replaying: drive.scene.records)).checkpoint(at: event)
        for _ in 0..<random.below(60) { drive.step() }
        var loaded = try #require(SessionMachine(checkpoint: bytes, at: event))
        let isContinued = loaded.catchUp(with: drive.scene.records[place...])
        #expect(isContinued)
        let last = try #require(drive.scene.records.last { $0.kind == .event })
        let replayed = try #require(SessionMachine(replaying: drive.scene.records))
        let isSame = loaded.checkpoint(at: last) == replayed.checkpoint(at: last)
        #expect(isSame, "seed \(seed)")
        #expect(try loaded.snapshot() == replayed.snapshot(), "seed \(seed)")
    }

    @Test func `a write that only its note tells of is known afterwards, on either side of the checkpoint`()
        throws
    {
        var scene = Scene()
        _ = try scene.run("r")
        _ = try scene.write([Scene.message("m"), Scene.part("p", in: "m"), Scene.append("p", 0, "hello")], number: 1)
        _ = try scene.write([Scene.append("p", 0, "he")], number: 2)
        _ = scene.take()
        let place = try #require(scene.records.lastIndex { $0.kind == .event })
        let bytes = scene.machine.checkpoint(at: scene.records[place])
        _ = try scene.write([Scene.append("p", 2, "llo")], number: 3)
        _ = scene.take()
        #expect(scene.records.suffix(2).allSatisfy { $0.kind == .note })
        scene.machine = try #require(SessionMachine(checkpoint: bytes, at: scene.records[place]))
        let isContinued = scene.machine.catchUp(with: scene.records[place...])
        #expect(isContinued)
        #expect(try scene.write([], number: 3).isDuplicate)
        #expect(throws: Refusal.self) { try scene.write([], number: 5) }
        #expect(try !scene.write([Scene.append("p", 5, "!")], number: 4).isDuplicate)
    }

    @Test func `one of another history, another version or another event is not used`() throws {
        var scene = Scene()
        _ = try scene.input("i")
        _ = scene.take()
        let event = try #require(scene.records.last)
        let bytes = scene.machine.checkpoint(at: event)
        #expect(SessionMachine(checkpoint: bytes, at: event) != nil)
        var different = event
        different.payload[different.payload.count - 3] ^= 1
        #expect(SessionMachine(checkpoint: bytes, at: different) == nil)
        #expect(SessionMachine(checkpoint: bytes, at: scene.records[0]) == nil)
        var newer = bytes
        newer[4] += 1
        #expect(SessionMachine(checkpoint: newer, at: event) == nil)
    }

    @Test(arguments: 0..<20) func `bytes that are damaged or cut are refused or read, and never more`(seed: Int) throws
    {
        var drive = Drive(seed: UInt64(seed))
        for _ in 0..<60 { drive.step() }
        let event = try #require(drive.scene.records.last { $0.kind == .event })
        let bytes = drive.scene.machine.checkpoint(at: event)
        var random = SeededRandom(seed: UInt64(seed))
        for _ in 0..<200 {
            var damaged = bytes
            damaged[13 + random.below(bytes.count - 13)] = UInt8(random.below(256))
            if let machine = SessionMachine(checkpoint: damaged, at: event) { _ = try machine.snapshot() }
            #expect(SessionMachine(checkpoint: Array(bytes[..<random.below(bytes.count)]), at: event) == nil)
        }
    }
}
