import Hummingbird
import ThroughlineCore
import ThroughlineEngine

/// Who is in a session: live only.
struct PresenceController: Sendable {
    let engine: Engine
    let fields: RequestFields

    func show(request: Request, context: some RequestContext) async throws -> Response {
        let session: SessionID = try fields.id("session", context)
        let participant = try RequestIdentity.participant(of: request)
        let answer = await withCheckedContinuation { continuation in
            engine.presence(in: session, by: participant) { continuation.resume(returning: $0) }
        }
        return Response(answer: try answer.get())
    }

    func say(request: Request, context: some RequestContext) async throws -> Response {
        let session: SessionID = try fields.id("session", context)
        let participant = try RequestIdentity.participant(of: request)
        let word = try fields.decoder.presence(try await fields.object(request))
        let answer = await withCheckedContinuation { continuation in
            engine.say(word, in: session, by: participant) { continuation.resume(returning: $0) }
        }
        return Response(answer: try answer.get())
    }

    func read(request: Request, context: some RequestContext) async throws -> Response {
        let session: SessionID = try fields.id("session", context)
        let participant = try RequestIdentity.participant(of: request)
        let sequence = try fields.decoder.read(try await fields.object(request))
        let answer = await withCheckedContinuation { continuation in
            engine.markRead(upTo: sequence, in: session, by: participant) { continuation.resume(returning: $0) }
        }
        return Response(answer: try answer.get())
    }
}

extension OperationDecoder {
    /// `{"seq": 41}`.
    func read(_ body: JSONValue) throws(Refusal) -> SequenceNumber {
        guard let value = body["seq"] else { throw missing("seq") }
        guard let sequence = value.integer.flatMap(UInt64.init(exactly:)) else { throw invalid("seq", "is a number") }
        return SequenceNumber(sequence)
    }

    /// `{"typing"?: true, "viewing"?: "m1"}`.
    func presence(_ body: JSONValue) throws(Refusal) -> PresenceWord {
        if let typing = body["typing"], typing.kind != .boolean { throw invalid("typing", "is true or false") }
        if let viewing = body["viewing"], !viewing.isNull {
            guard let text = viewing.string, text.utf8.count <= PresenceWord.maximumViewing else {
                throw invalid("viewing", "is a text of at most \(PresenceWord.maximumViewing) bytes")
            }
        }
        let viewing = body["viewing"].map { $0.string ?? "" }
        return PresenceWord(isTyping: body["typing"]?.boolean, viewing: viewing)
    }
}
