import Testing
import ThroughlineCore

@Suite struct `A run that another process adopts` {
    private let run = RunID("r")!

    private func adopt(
        _ scene: inout Scene, _ request: String, token: String, new: String
    ) throws -> Bool {
        try scene.machine.adopt(
            run, token: token, request: WorkID(request)!, newToken: new, leaseMilliseconds: 9_000,
            by: .agent(AgentName("bot")!), at: scene.at)
    }

    @Test func `goes on where it was, and is fenced off from the former process`() throws {
        var scene = Scene()
        _ = try scene.run("r")
        _ = try scene.write([Scene.message("m"), Scene.part("p", in: "m"), Scene.append("p", 0, "Hi")], number: 1)
        let held = try #require(scene.machine.holder(ofActive: run, token: "token-r"))
        _ = scene.take()
        #expect(try adopt(&scene, "x", token: "token-r", new: "next"))
        #expect(scene.take() == ["run.adopted"])
        #expect(code { try scene.write([Scene.append("p", 2, "!")], number: 2) } == .runFenced)
        #expect(code { try scene.end("r") } == .runFenced)
        #expect(try scene.write([], number: 1).isDuplicate)
        var cursor = SessionMachine.PartCursor()
        let frame =
            #"{"op":"write","session":"s","run":"r","lease":"token-r","seq":2,"events":[{"type":"part.appended","part":{"id":"p","offset":2,"text":"!"}}]}"#
        let isTaken = Array(frame.utf8).withUnsafeBufferPointer { bytes in
            var scanned = AppendFrame()
            let isScanned = scanned.scan(bytes)
            return isScanned ? scene.machine.append(scanned, in: bytes, by: held, cursor: &cursor, at: scene.at) : nil
        }
        #expect(isTaken == false, "the short way knows the epoch too")
        #expect(try scene.write([Scene.append("p", 2, "!")], number: 1, token: "next").number == 1)
        #expect(scene.take() == ["part.appended p 2 !"])
        #expect(scene.machine.lease(of: run)?.epoch == 2 && scene.machine.lease(of: run)?.milliseconds == 9_000)
        #expect(scene.machine.run(run)?.attempt == 1)
    }

    @Test func `is adopted once by one request, and by another not with the old token`() throws {
        var scene = Scene()
        _ = try scene.run("r")
        #expect(try adopt(&scene, "x", token: "token-r", new: "next"))
        #expect(try !adopt(&scene, "x", token: "token-r", new: "other"))
        #expect(scene.machine.lease(of: run)?.token == "next")
        #expect(code { try adopt(&scene, "y", token: "token-r", new: "other") } == .runFenced)
        _ = scene.take()
        scene.machine = try #require(SessionMachine(replaying: scene.records))
        #expect(try !adopt(&scene, "x", token: "token-r", new: "other"))
        #expect(try adopt(&scene, "x", token: "next", new: "third"), "the same name for another adoption")
        _ = try scene.cancel("c", .all)
        #expect(code { try adopt(&scene, "z", token: "third", new: "fourth") } == .runCancelled)
        #expect(code { try adopt(&scene, "x", token: "next", new: "fourth") } == .runFenced)
    }
}
