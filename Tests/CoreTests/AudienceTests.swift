import Testing
import ThroughlineCore

@Suite struct `Audiences of parts` {
    private func deliveries(_ scene: Scene) -> [Delivery] {
        scene.records.filter { $0.kind == .event }.map { Delivery(sequence: $0.sequence, bytes: $0.payload) }
    }

    private func scene() throws -> Scene {
        var scene = Scene()
        _ = try scene.run("r")
        let part: (String, String, Audience) -> AgentEvent = { id, message, audience in
            .partStarted(
                id: PartID(id)!, message: MessageID(message)!, head: PartHead(kind: .text, audience: audience))
        }
        _ = try scene.write([
            Scene.message("m"), part("all", "m", .everyone), part("low", "m", .agents), part("high", "m", .operators),
            Scene.append("high", 0, "secret"), Scene.append("all", 0, "open"), Scene.append("low", 0, "inner"),
            Scene.append("low", 5, "most"),
            .messageStarted(id: MessageID("n")!, audience: .agents), part("n1", "n", .everyone),
            Scene.append("n1", 0, "whisper"), .messageEnded(id: MessageID("n")!),
        ])
        _ = try scene.end("r")
        _ = scene.take()
        return scene
    }

    private func types(_ deliveries: [Delivery]) -> [String] {
        deliveries.map { (try? JSONDocument.parse($0.bytes))?["type"]?.string ?? "?" }
    }

    @Test func `what is not for a reader is withheld, and its sequence stays dense`() throws {
        let scene = try scene()
        let all = deliveries(scene)
        for clearance in Audience.allCases {
            let shown = Delivery.withholding(all, by: scene.machine.restricted, from: clearance)
            var next: Int64 = 1
            for delivery in shown {
                let event = try JSONDocument.parse(delivery.bytes)
                #expect((event["from"] ?? event["seq"])?.integer == next)
                next = try #require(event["seq"]?.integer) + 1
            }
            #expect(next == Int64(scene.machine.tail.rawValue) + 1)
            let text = String(decoding: shown.flatMap(\.bytes), as: UTF8.self)
            #expect(text.contains("secret") == (clearance == .operators))
            #expect(text.contains("inner") == (clearance >= .agents))
            #expect(text.contains("whisper") == (clearance >= .agents))
            #expect(text.contains(#""n""#) == (clearance >= .agents))
            #expect(text.contains("open"))
        }
        let everyone = Delivery.withholding(all, by: scene.machine.restricted, from: .everyone)
        #expect(
            types(everyone) == [
                "session.created", "run.started", "message.started", "part.started", "withheld", "part.appended",
                "withheld", "part.ended", "withheld", "message.ended", "run.ended",
            ])
    }

    @Test func `a snapshot shows what the events show, also when it is read from a checkpoint`() throws {
        let scene = try scene()
        let event = try #require(scene.records.last)
        let kept = try #require(SessionMachine(checkpoint: scene.machine.checkpoint(at: event), at: event))
        for clearance in Audience.allCases {
            let text = String(
                decoding: try scene.machine.snapshot(SnapshotPage(clearance: clearance)), as: UTF8.self)
            #expect(text.contains("secret") == (clearance == .operators))
            #expect(text.contains("whisper") == (clearance >= .agents))
            #expect(try kept.snapshot(SnapshotPage(clearance: clearance)) == Array(text.utf8))
        }
        // The newest message that it may see, not none of the newest.
        let page = try JSONDocument.parse(try scene.machine.snapshot(SnapshotPage(messages: 1, clearance: .everyone)))
        #expect(page["messages"]?.elements.map { $0["id"]?.string } == ["m"])
        #expect(
            code { try scene.machine.snapshot(SnapshotPage(before: MessageID("n")!, clearance: .everyone)) }
                == .messageNotFound)
    }

    @Test func `a refused write leaves no trace of its audiences`() throws {
        var scene = Scene()
        _ = try scene.run("r")
        #expect(
            code {
                try scene.write([
                    .messageStarted(id: MessageID("m")!, audience: .operators), Scene.part("p", in: "m"),
                    Scene.append("none", 0, "x"),
                ])
            } == .partNotFound)
        #expect(scene.machine.restricted.isEmpty)
    }
}
