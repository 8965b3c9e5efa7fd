import HTTPTypes
import Hummingbird
import NIOCore
import ServiceLifecycle
import ThroughlineCore
import ThroughlineEngine

/// Reading a session's events: pages, long-polls, NDJSON and SSE.
struct EventController: Sendable {
    let engine: Engine
    let fields: RequestFields
    let stopping: StopSignal

    func read(request: Request, context: some RequestContext) async throws -> Response {
        let session: SessionID = try fields.id("session", context)
        let participant = try RequestIdentity.participant(of: request)
        let accept = request.headers[.accept]?.lowercased() ?? ""
        if accept.contains("text/event-stream") {
            return try await stream(session, request, as: .serverSentEvents, isLive: true, by: participant)
        }
        if accept.contains("application/x-ndjson") {
            let isLive = request.uri.queryParameters["live"] == "stream"
            return try await stream(session, request, as: .lines, isLive: isLive, by: participant)
        }
        guard
            accept.isEmpty || accept.contains("*/*") || accept.contains("application/*")
                || accept.contains("application/json")
        else {
            throw Refusal(
                .formatUnavailable, "Accept application/json, application/x-ndjson or text/event-stream.")
        }
        return try await page(session, request, by: participant)
    }

    private func page(_ session: SessionID, _ request: Request, by participant: Participant) async throws -> Response {
        guard case .after(let after) = try start(request) else {
            throw Refusal(.fieldInvalid, "A page begins with after. Use SSE, or live=stream with NDJSON, for from.")
        }
        let limit = try fields.integer("limit", request, 1...5_000) ?? 500
        let page = try await engine.readPage(of: session, after: after, limit: limit, by: participant)
        guard try isLongPoll(request), page.events.isEmpty else { return Response(json: page.encoded) }
        return try await longPoll(session, request, after: after, limit: limit, by: participant)
    }

    private func longPoll(
        _ session: SessionID, _ request: Request, after: SequenceNumber, limit: Int, by participant: Participant
    ) async throws -> Response {
        let wait = try fields.integer("wait", request, 0...60) ?? 25
        let engine = engine
        let stopping = stopping
        let page = try await CallerWatch().whilePresent {
            let reader = EventReader(engine, session: session)
            defer { reader.detach() }
            _ = try await reader.attach(from: .after(after), by: participant)
            reader.arrive(watching: false)
            await stopping.whileRunning {
                _ = try? await reader.next(after: after, within: .seconds(Int64(wait)))
            }
            return try await engine.readPage(of: session, after: after, limit: limit, by: participant)
        }
        return Response(json: page.encoded)
    }

    private func isLongPoll(_ request: Request) throws -> Bool {
        switch request.uri.queryParameters["live"] {
        case nil: return false
        case "long-poll": return true
        default: throw Refusal(.fieldInvalid, "live is long-poll, or stream with NDJSON.")
        }
    }

    private func isWatching(_ request: Request) throws -> Bool {
        switch request.uri.queryParameters["presence"] {
        case nil, "false": return false
        case "true": return true
        default: throw Refusal(.fieldInvalid, "presence is true or false.")
        }
    }

    private func start(_ request: Request) throws -> ReadStart {
        if let last = request.headers[.lastEventID] { return .after(try fields.sequence(last)) }
        switch request.uri.queryParameters["from"] {
        case "snapshot": return .snapshot(try fields.page(request))
        case "tail": return .tail
        case nil: return .after(try request.uri.queryParameters["after"].map { try fields.sequence($0) } ?? .zero)
        default: throw Refusal(.fieldInvalid, "from is snapshot or tail.")
        }
    }

    private func stream(
        _ session: SessionID, _ request: Request, as form: EventStream.Form, isLive: Bool, by participant: Participant
    ) async throws -> Response {
        let start = try start(request)
        let reader = EventReader(engine, session: session)
        let watching = try isWatching(request)
        let attachment = try await reader.attach(from: start, by: participant)
        if isLive { reader.arrive(watching: watching && form == .serverSentEvents) }
        let stream = EventStream(
            reader: reader, attachment: attachment, form: form, isLive: isLive, keepAlive: fields.limits.keepAlive,
            stopping: stopping)
        let watch = CallerWatch()
        return Response(
            status: .ok, headers: form.headers,
            body: .init { writer in
                try await stream.write(to: &writer, watching: watch)
                try await writer.finish(nil)
            })
    }
}
