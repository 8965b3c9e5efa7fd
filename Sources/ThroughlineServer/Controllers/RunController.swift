import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization
import ThroughlineCore
import ThroughlineEngine

/// What agents do: take work, start runs, write, renew, end.
struct RunController: Sendable {
    let engine: Engine
    let fields: RequestFields

    func work(request: Request, context: some RequestContext) async throws -> Response {
        let participant = try RequestIdentity.participant(of: request)
        let body = try await fields.object(request)
        let work: WorkID = try fields.decoder.optionalID(body, "id") ?? WorkID(unchecked: engine.randomID("w-"))
        let agent: AgentName = try fields.decoder.requiredID(body, "agent")
        let lease = try fields.decoder.lease(body)
        let attempts = try fields.decoder.attempts(body)
        let accepts = try fields.decoder.accepts(body)
        let budget = try fields.decoder.budget(body)
        let wait = try waitSeconds(body)
        // An agent that has gone away must not be given an input.
        let answer = try await CallerWatch().whilePresent {
            try await taken { [engine] completion in
                engine.takeWork(
                    work, agent: agent, wait: .seconds(wait), leaseMilliseconds: lease, attempts: attempts,
                    accepts: accepts, budget: budget, by: participant, then: completion)
            }
        }
        return answer.map { Response(json: $0.body) } ?? Response(status: .noContent)
    }

    private func waitSeconds(_ body: JSONValue) throws -> Int64 {
        guard let value = body["wait"] else { return 30 }
        guard let wait = value.integer, (0...60).contains(wait) else {
            throw fields.decoder.invalid("wait", "is 0 to 60 seconds")
        }
        return wait
    }

    /// What `take` comes to; it is left when the task is cancelled.
    private func taken(
        _ take: @escaping @Sendable (@escaping @Sendable (Result<WorkAnswer?, Refusal>) -> Void) -> @Sendable () -> Void
    ) async throws -> WorkAnswer? {
        let leave = LeaveOnce()
        return try await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                leave.set(take { continuation.resume(returning: $0) })
            }
        } onCancel: {
            leave.leave()
        }.get()
    }

    func start(request: Request, context: some RequestContext) async throws -> Response {
        try await perform(try fields.decoder.startRun(try await fields.object(request)), request, context)
    }

    func heartbeat(request: Request, context: some RequestContext) async throws -> Response {
        let run: RunID = try fields.id("run", context)
        let token = try fields.lease(request)
        let heartbeat = try fields.decoder.heartbeat(run, token: token, try await fields.object(request))
        return try await perform(heartbeat, request, context)
    }

    func adopt(request: Request, context: some RequestContext) async throws -> Response {
        let run: RunID = try fields.id("run", context)
        let token = try fields.lease(request)
        return try await perform(
            try fields.decoder.adopt(run, token: token, try await fields.object(request)), request, context)
    }

    func end(request: Request, context: some RequestContext) async throws -> Response {
        let run: RunID = try fields.id("run", context)
        let token = try fields.lease(request)
        return try await perform(
            try fields.decoder.endRun(run, token: token, try await fields.object(request)), request, context)
    }

    func write(request: Request, context: some RequestContext) async throws -> Response {
        let session: SessionID = try fields.id("session", context)
        let run: RunID = try fields.id("run", context)
        let participant = try RequestIdentity.participant(of: request)
        let token = try fields.lease(request)
        let number = try fields.writeNumber(request)
        if request.headers[.contentType]?.lowercased().hasPrefix("application/x-ndjson") == true {
            let lines = LineWrites(
                engine: engine, fields: fields, session: session, run: run, token: token, by: participant)
            return Response(answer: try await lines.write(request, from: number))
        }
        let events = try fields.decoder.agentEvents(try fields.decoder.json(try await fields.body(request)))
        let write = Operation.Write(run: run, token: token, number: number, events: events)
        return Response(answer: try await engine.perform(.write(write), on: session, by: participant))
    }

    private func perform(
        _ operation: Operation, _ request: Request, _ context: some RequestContext
    ) async throws -> Response {
        let session: SessionID = try fields.id("session", context)
        let participant = try RequestIdentity.participant(of: request)
        return Response(answer: try await engine.perform(operation, on: session, by: participant))
    }
}

/// Keeps the way out of a wait until it is known, and uses it once.
private final class LeaveOnce: Sendable {
    private struct State {
        var hasLeft = false
        var leave: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    func set(_ leave: @escaping @Sendable () -> Void) {
        let isLate = state.withLock { state in
            if !state.hasLeft { state.leave = leave }
            return state.hasLeft
        }
        if isLate { leave() }
    }

    func leave() {
        let leave = state.withLock { state in
            state.hasLeft = true
            defer { state.leave = nil }
            return state.leave
        }
        leave?()
    }
}
