import Hummingbird
import NIOCore
import ThroughlineCore
import ThroughlineEngine

/// What agents ask people: to look at, and to answer.
struct RequestController: Sendable {
    let engine: Engine
    let fields: RequestFields

    func show(request: Request, context: some RequestContext) async throws -> Response {
        let session: SessionID = try fields.id("session", context)
        let id: AgentRequestID = try fields.id("request", context)
        let participant = try RequestIdentity.participant(of: request)
        let wait = try fields.integer("wait", request, 0...60) ?? 0
        let engine = engine
        let answer = try await CallerWatch().whilePresent {
            await engine.request(id, on: session, by: participant, within: .seconds(Int64(wait)))
        }
        return Response(answer: try answer.get())
    }

    func answer(request: Request, context: some RequestContext) async throws -> Response {
        let session: SessionID = try fields.id("session", context)
        let id: AgentRequestID = try fields.id("request", context)
        let participant = try RequestIdentity.participant(of: request)
        let operation = try fields.decoder.answer(id, try await fields.object(request))
        return Response(answer: try await engine.perform(operation, on: session, by: participant))
    }
}
