import Hummingbird
import NIOCore
import ThroughlineCore
import ThroughlineEngine

/// An agent's writes as streamed NDJSON: every line is a write of its own, taken as it comes.
struct LineWrites: Sendable {
    let engine: Engine
    let fields: RequestFields
    let session: SessionID
    let run: RunID
    let token: String
    let by: Participant

    /// Writes until the body ends; the answer is that of the last line.
    func write(_ request: Request, from first: UInt64?) async throws -> Answer {
        var number = first
        var lines = LineSplitter(limit: fields.limits.bodyBytes)
        var last: Answer?
        for try await buffer in request.body {
            for byte in buffer.readableBytesView {
                guard let line = try lines.take(byte) else { continue }
                last = try await write(line, number)
                number = number.map { $0 + 1 }
            }
        }
        if let line = lines.finish() { last = try await write(line, number) }
        if let last { return last }
        return try await engine.perform(.heartbeat(run: run, token: token), on: session, by: by)
    }

    private func write(_ line: [UInt8], _ number: UInt64?) async throws -> Answer {
        let events = try fields.decoder.agentEvents(try fields.decoder.json(line))
        let write = Operation.Write(run: run, token: token, number: number, events: events)
        return try await engine.perform(.write(write), on: session, by: by)
    }
}
