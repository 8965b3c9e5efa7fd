import Hummingbird
import ThroughlineCore
import ThroughlineEngine

/// Sessions themselves: create, list, show, change, erase.
struct SessionController: Sendable {
    let engine: Engine
    let fields: RequestFields

    func create(request: Request, context: some RequestContext) async throws -> Response {
        let operation = try fields.decoder.create(try await fields.object(request))
        let id = SessionID(unchecked: engine.randomID("s-"))
        return try await perform(operation, on: id, request)
    }

    func put(request: Request, context: some RequestContext) async throws -> Response {
        let id: SessionID = try fields.id("session", context)
        return try await perform(try fields.decoder.create(try await fields.object(request)), on: id, request)
    }

    func patch(request: Request, context: some RequestContext) async throws -> Response {
        let id: SessionID = try fields.id("session", context)
        return try await perform(try fields.decoder.update(try await fields.object(request)), on: id, request)
    }

    func show(request: Request, context: some RequestContext) async throws -> Response {
        let id: SessionID = try fields.id("session", context)
        let page = try fields.page(request)
        let participant = try RequestIdentity.participant(of: request)
        let snapshot = try await withCheckedContinuation { continuation in
            engine.snapshot(of: id, page, by: participant) { continuation.resume(returning: $0) }
        }.get()
        return Response(json: snapshot)
    }

    func conversation(request: Request, context: some RequestContext) async throws -> Response {
        let session: SessionID = try fields.id("session", context)
        let participant = try RequestIdentity.participant(of: request)
        let parameters = request.uri.queryParameters
        let query = try fields.decoder.context(
            branch: parameters["branch"].map { String($0) },
            tokens: try fields.integer("tokens", request, 1...Int(Int32.max)),
            format: parameters["format"].map { String($0) })
        let answer = try await withCheckedContinuation { continuation in
            engine.context(of: session, query, by: participant) { continuation.resume(returning: $0) }
        }.get()
        return Response(answer: answer)
    }

    func fork(request: Request, context: some RequestContext) async throws -> Response {
        let source: SessionID = try fields.id("session", context)
        let participant = try RequestIdentity.participant(of: request)
        let asked = try fields.decoder.fork(try await fields.object(request))
        let answer = try await withCheckedContinuation { continuation in
            engine.fork(source, at: asked.at, as: asked.id, title: asked.title, by: participant) {
                continuation.resume(returning: $0)
            }
        }.get()
        return Response(answer: answer)
    }

    func erase(request: Request, context: some RequestContext) async throws -> Response {
        let id: SessionID = try fields.id("session", context)
        let participant = try RequestIdentity.participant(of: request)
        try await withCheckedContinuation { continuation in
            engine.erase(id, by: participant) { continuation.resume(returning: $0) }
        }.get()
        return Response(status: .noContent)
    }

    func list(request: Request, context: some RequestContext) async throws -> Response {
        var query = SessionQuery(limit: try fields.integer("limit", request, 1...200) ?? 50)
        for (name, value) in request.uri.queryParameters {
            switch name {
            case "cursor": query.cursor = String(value)
            case "participant": query.participant = String(value)
            case "state":
                guard let state = SessionInfo.State(rawValue: String(value)) else {
                    throw fields.decoder.invalid("state", "is open or closed")
                }
                query.state = state
            default:
                if name.hasPrefix("metadata.") {
                    query.metadata[String(name.dropFirst("metadata.".count))] = String(value)
                }
            }
        }
        return Response(json: try engine.list(query, by: try RequestIdentity.participant(of: request)))
    }

    // Not inlined, for the sake of the release compiler; see `RequestFields.object`.
    @inline(never)
    private func perform(_ operation: Operation, on id: SessionID, _ request: Request) async throws -> Response {
        Response(answer: try await engine.perform(operation, on: id, by: try RequestIdentity.participant(of: request)))
    }
}

extension Response {
    init(answer: Answer) {
        self.init(status: .init(code: answer.status.rawValue), json: answer.body)
    }
}
