import ThroughlineCore
import ThroughlineEngine

/// Answers without any model, at the pace of somebody reading, so that there is something to watch, stop and reload.
struct DemoAgent: InputAnswerer {
    let name = AgentName(unchecked: "demo")
    /// Words a second, more or less.
    var pace = 12.0

    func answer(_ work: Engine.Work, on engine: Engine) async throws -> RunOutcome {
        let said = work.inputs.flatMap(\.parts).map { String(decoding: $0.text, as: UTF8.self) }.joined(separator: "\n")
        let answer = DemoAnswer(to: said)
        var writer = DemoWriter(engine: engine, handle: work.handle, pace: DemoPace(seed: said, wordsPerSecond: pace))
        try await writer.write(answer)
        return .completed(usage: nil)
    }
}

/// Writes an answer word by word.
private struct DemoWriter {
    let engine: Engine
    let handle: RunHandle
    var pace: DemoPace
    private var partCount = 0

    init(engine: Engine, handle: RunHandle, pace: DemoPace) {
        self.engine = engine
        self.handle = handle
        self.pace = pace
    }

    mutating func write(_ answer: DemoAnswer) async throws {
        let prefix = handle.run.value.utf8.count <= 100 ? handle.run.value : engine.randomID("demo-")
        let message = MessageID(unchecked: prefix + ".m")
        try await engine.write([.messageStarted(id: message)], frame: nil, to: handle)
        try await Task.sleep(for: .milliseconds(250))
        for step in answer.steps {
            let id = PartID(unchecked: prefix + ".p\(partCount)")
            partCount += 1
            try await write(step, as: id, in: message)
        }
        try await engine.write([.messageEnded(id: message)], frame: nil, to: handle)
    }

    private mutating func write(_ step: DemoAnswer.Step, as id: PartID, in message: MessageID) async throws {
        try await engine.write([.partStarted(id: id, message: message, head: step.head)], frame: nil, to: handle)
        var offset = 0
        for word in DemoAnswer.words(of: step.text) {
            try await Task.sleep(for: step.isAtOnce ? .milliseconds(20) : pace.pause(before: word))
            let bytes = Array(word.utf8)
            try await engine.write([.partAppended(id: id, offset: offset, text: bytes)], frame: nil, to: handle)
            offset += bytes.count
        }
        try await engine.write([.partEnded(id: id)], frame: nil, to: handle)
        if step.head.kind == .toolCall { try await Task.sleep(for: .milliseconds(600)) }
    }
}

/// How long to wait between words: the same for the same seed.
struct DemoPace: Sendable {
    private var state: UInt64
    private let wordsPerSecond: Double
    private var endedSentence = false

    init(seed: String, wordsPerSecond: Double) {
        state = seed.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        self.wordsPerSecond = wordsPerSecond
    }

    mutating func pause(before word: Substring) -> Duration {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let chance = Double(state >> 33) / Double(UInt32.max >> 1)
        let breath = endedSentence ? 1.5 : 0
        endedSentence = word.contains { ".!?\n".contains($0) }
        return .seconds((0.5 + chance * 0.9 + breath) / wordsPerSecond)
    }
}
