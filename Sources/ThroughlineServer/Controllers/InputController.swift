import Hummingbird
import NIOCore
import ThroughlineCore
import ThroughlineEngine

/// What people send: inputs, and commands.
struct InputController: Sendable {
    let engine: Engine
    let fields: RequestFields

    func add(request: Request, context: some RequestContext) async throws -> Response {
        try await perform(try fields.decoder.addInput(try await fields.object(request)), request, context)
    }

    func update(request: Request, context: some RequestContext) async throws -> Response {
        let input: InputID = try fields.id("input", context)
        return try await perform(
            try fields.decoder.updateInput(input, try await fields.object(request)), request, context)
    }

    func regenerate(request: Request, context: some RequestContext) async throws -> Response {
        let input: InputID = try fields.id("input", context)
        return try await perform(
            try fields.decoder.regenerate(input, try await fields.object(request)), request, context)
    }

    func selectBranch(request: Request, context: some RequestContext) async throws -> Response {
        try await perform(try fields.decoder.selectBranch(try await fields.object(request)), request, context)
    }

    func withdraw(request: Request, context: some RequestContext) async throws -> Response {
        try await perform(.withdrawInput(id: try fields.id("input", context)), request, context)
    }

    /// What an operator says.
    func say(request: Request, context: some RequestContext) async throws -> Response {
        try await perform(try fields.decoder.say(try await fields.object(request)), request, context)
    }

    func command(request: Request, context: some RequestContext) async throws -> Response {
        let operation = try fields.decoder.command(try await fields.object(request))
        let longest = Int(fields.limits.maximumCommandWait.nanoseconds / 1_000_000_000)
        guard let wait = try fields.integer("wait", request, 0...longest), wait > 0,
            case .command(let id, let order) = operation
        else { return try await perform(operation, request, context) }
        let session: SessionID = try fields.id("session", context)
        let participant = try RequestIdentity.participant(of: request)
        let answer = await engine.commandAndWait(
            id, order, on: session, by: participant, within: .seconds(Int64(wait)))
        return Response(answer: try answer.get())
    }

    private func perform(
        _ operation: Operation, _ request: Request, _ context: some RequestContext
    ) async throws -> Response {
        let session: SessionID = try fields.id("session", context)
        let participant = try RequestIdentity.participant(of: request)
        return Response(answer: try await engine.perform(operation, on: session, by: participant))
    }
}
