import HTTPTypes
public import Hummingbird
import NIOCore
import ThroughlineCore
public import ThroughlineEngine

/// The gateway's routes: chat completions of an OpenAI-compatible upstream, passed through or kept in a session.
public struct ChatController: Sendable {
    private let engine: Engine
    private let gateway: GatewayService
    private let bodyTime = TimeAmount.seconds(30)

    public init(engine: Engine, gateway: GatewayService) {
        self.engine = engine
        self.gateway = gateway
    }

    /// `POST /v1/chat/completions`
    public func completions(request: Request, context: some RequestContext) async throws -> Response {
        let client = try client()
        let body = try await request.boundedBody(upTo: client.configuration.maximumRequest, within: bodyTime)
        // What costs money is no reading.
        try Access.require(.write, of: try RequestIdentity.participant(of: request))
        guard let session = request.headers[.throughlineSession] else {
            return try await PassThrough(client: client).response(to: request, path: "/chat/completions", body: body)
        }
        return try await kept(request, body: body, session: session, client: client)
    }

    /// `GET /v1/models`
    public func models(request: Request, context: some RequestContext) async throws -> Response {
        let client = try client()
        return try await PassThrough(client: client).response(to: request, path: "/models", body: [])
    }

    /// `GET /v1/sessions/{id}/runs/{run}/stream?format=openai`
    public func runStream(request: Request, context: some RequestContext) async throws -> Response {
        let participant = try RequestIdentity.participant(of: request)
        try Access.require(.read, of: participant)
        guard request.uri.queryParameters["format"].map(String.init) == "openai" else {
            throw Refusal(.formatUnavailable, "Ask with ?format=openai.")
        }
        guard let session = context.parameters.get("session").flatMap({ SessionID($0) }),
            let run = context.parameters.get("run").flatMap({ RunID($0) })
        else { throw Refusal(.idInvalid, "An id is 1 to 128 of the characters A-Z a-z 0-9 . _ : and -.") }
        let stream = RunStream(engine: engine, session: session, run: run, participant: participant)
        return try await stream.response(after: try Self.cursor(of: request), streaming: true) {
            gateway.isServing(run)
        }
    }

    private static func cursor(of request: Request) throws -> FrameCursor? {
        guard let text = request.headers[.lastEventID], !text.isEmpty else { return nil }
        guard let cursor = FrameCursor(text) else {
            throw Refusal(.cursorInvalid, "Last-Event-ID is the id of a frame of this stream: <seq>.<n>.")
        }
        return cursor
    }

    private func client() throws(Refusal) -> UpstreamClient {
        guard let client = gateway.client else {
            throw Refusal(.upstreamMissing, "No model is configured. Start the server with --upstream URL.")
        }
        return client
    }

    // MARK: Kept in a session

    private func kept(
        _ request: Request, body: [UInt8], session name: String, client: UpstreamClient
    ) async throws -> Response {
        let participant = try RequestIdentity.participant(of: request)
        guard let session = SessionID(name) else {
            throw Refusal(.idInvalid, "Throughline-Session is 1 to 128 of the characters A-Z a-z 0-9 . _ : and -.")
        }
        let chat = try ChatRequest(parsing: body) { engine.randomID($0) }
        let exchange = try exchange(
            for: chat, input: request.headers[.throughlineInput], lease: client.configuration.leaseMilliseconds)
        let run = try await begin(exchange, in: session, by: participant) { handle in
            UpstreamRelay(
                engine: engine, handle: handle, client: client,
                request: .chat(body, authorization: request.headers[.authorization]), keepsFrames: true)
        }
        let stream = RunStream(engine: engine, session: session, run: run, participant: participant)
        return try await stream.response(after: try Self.cursor(of: request), streaming: chat.isStreaming) { true }
    }

    private func exchange(for chat: ChatRequest, input name: String?, lease: Int64) throws(Refusal) -> Exchange {
        guard let input = InputID(name ?? engine.randomID("in-")) else {
            throw Refusal(.idInvalid, "Throughline-Input is 1 to 128 of the characters A-Z a-z 0-9 . _ : and -.")
        }
        let run = RunRequest(
            id: RunID(unchecked: engine.randomID("run-")), agent: AgentName(model: chat.model),
            accepts: [], leaseMilliseconds: lease, token: engine.randomID("lease-"))
        return Exchange(seeds: chat.seeds, input: input, parts: chat.parts, run: run)
    }

    /// Begins the run and has the upstream called for it, unless the input has its run already.
    private func begin(
        _ exchange: Exchange, in session: SessionID, by participant: Participant,
        relay: (RunHandle) -> UpstreamRelay
    ) async throws(Refusal) -> RunID {
        try gateway.reserve()
        let begun: (run: RunID, isNew: Bool)
        do throws(Refusal) {
            begun = try await engine.begin(exchange, in: session, by: participant)
        } catch {
            gateway.release()
            throw error
        }
        guard begun.isNew else {
            gateway.release()
            return begun.run
        }
        let handle = RunHandle(
            session: session, run: begun.run, token: exchange.run.token,
            leaseMilliseconds: exchange.run.leaseMilliseconds)
        await gateway.start(relay(handle))
        return begun.run
    }
}
