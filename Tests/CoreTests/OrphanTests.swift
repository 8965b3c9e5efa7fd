import Testing
import ThroughlineCore

@Suite struct `Runs that nobody watches` {
    private func scene(_ orphan: OrphanPolicy? = .cancel(afterMilliseconds: 5_000)) throws -> Scene {
        var scene = Scene()
        scene.change(orphan)
        _ = try scene.run("r")
        _ = try scene.write([Scene.message("m")])
        _ = scene.take()
        return scene
    }

    @Test func `go on where the session does not say otherwise`() throws {
        var scene = try scene(nil)
        scene.machine.setWatched(true, at: scene.at)
        scene.machine.setWatched(false, at: scene.at)
        #expect(scene.machine.nextWakeUp == nil && scene.machine.drain() == nil)
    }

    @Test func `are cancelled after a time with those below them, and their holders are to be told`() throws {
        var scene = try scene()
        _ = try scene.run("below", parent: "r")
        _ = scene.take()
        scene.now += 4_999
        scene.machine.wake(at: scene.at)
        #expect(scene.take() == [])
        scene.now += 1
        scene.machine.wake(at: scene.at)
        let emitted = scene.take()
        let order = try #require(emitted.first?.split(separator: " ").last)
        #expect(
            emitted == [
                "command.requested \(order)", "command.accepted \(order)", "message.ended m cancelled",
                "run.ended r cancelled", "run.ended below cancelled",
            ])
        #expect(scene.machine.run(RunID("below")!)?.error?.code == "orphaned")
        #expect(scene.machine.command(CommandID(String(order))!)?.by == .server)
        #expect(scene.machine.untoldRuns.count == 2 && scene.machine.nextWakeUp == nil)
        #expect(code { try scene.write([Scene.message("n")]) } == .runCancelled)
    }

    @Test func `have their time anew when somebody was there`() throws {
        var scene = try scene()
        scene.now += 4_000
        scene.machine.setWatched(true, at: scene.at)
        #expect(scene.machine.nextWakeUp == nil)
        scene.now += 60_000
        scene.machine.wake(at: scene.at)
        _ = try scene.run("late")
        #expect(scene.machine.nextWakeUp == nil)
        scene.machine.setWatched(false, at: scene.at)
        scene.machine.setWatched(false, at: scene.at)
        #expect(scene.machine.nextWakeUp?.rawValue == scene.now + 5_000)
        #expect(scene.take() == ["run.started late "])
        _ = try scene.end("r")
        _ = try scene.end("late")
        #expect(scene.machine.nextWakeUp == nil)
    }

    @Test func `have each its own time, from its start`() throws {
        var scene = try scene()
        scene.now += 3_000
        _ = try scene.run("late")
        scene.now += 2_000
        scene.machine.wake(at: scene.at)
        #expect(scene.machine.run(RunID("r")!)?.state == .cancelled)
        #expect(scene.machine.run(RunID("late")!)?.state == .active)
        #expect(scene.machine.nextWakeUp?.rawValue == scene.now + 3_000)
    }

    @Test func `follow a change of the policy`() throws {
        var scene = try scene()
        scene.now += 4_000
        scene.change(.cancel(afterMilliseconds: 2_000))
        #expect(scene.machine.nextWakeUp?.rawValue == scene.now + 2_000)
        scene.change(.goOn)
        #expect(scene.machine.nextWakeUp == nil)
    }

    @Test func `keep their time over a restart, a checkpoint and a hand-over to another agent`() throws {
        var scene = try scene()
        scene.now += 1_000
        scene.machine.setWatched(true, at: scene.at)
        scene.machine.setWatched(false, at: scene.at)
        _ = scene.take()
        let due = scene.machine.nextWakeUp
        #expect(due?.rawValue == scene.now + 5_000)
        let place = try #require(scene.records.lastIndex { $0.kind == .event })
        let event = scene.records[place]
        let before = try #require(SessionMachine(replaying: Array(scene.records[...place])))
        var kept = try #require(SessionMachine(checkpoint: before.checkpoint(at: event), at: event))
        let isContinued = kept.catchUp(with: scene.records[place...])
        #expect(isContinued)
        for var machine in [try #require(SessionMachine(replaying: scene.records)), kept] {
            #expect(machine.nextWakeUp == due)
            machine.expireLease(of: RunID("r")!, at: scene.at)
            #expect(machine.nextWakeUp == nil)
        }
        _ = try scene.end("r")
        _ = try scene.input("i")
        _ = try scene.run("q", inputs: ["i"], attempts: 2)
        let dueLater = scene.now + 5_000
        scene.now += 3_000
        scene.machine.expireLease(of: RunID("q")!, at: scene.at)
        #expect(scene.machine.run(RunID("q")!)?.state == .queued)
        scene.now = dueLater
        scene.machine.wake(at: scene.at)
        #expect(scene.machine.run(RunID("q")!)?.state == .cancelled)
        #expect(scene.take().last?.hasPrefix("command.applied orphan-") == true)
    }
}

extension Scene {
    fileprivate mutating func change(_ orphan: OrphanPolicy?) {
        machine.update(title: nil, metadata: nil, policies: .init(orphan: orphan), closing: false, by: ada, at: at)
    }
}
