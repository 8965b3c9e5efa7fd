import ThroughlineCore
import ThroughlineEngine

/// Has a model of the upstream answer.
struct UpstreamAgent: InputAnswerer {
    let model: String
    let client: UpstreamClient

    var name: AgentName { AgentName(model: model) }

    func answer(_ work: Engine.Work, on engine: Engine) async throws -> RunOutcome {
        let said = try await engine.conversation(of: work.handle.session, upTo: work.inputs.last?.id)
        let prompt = Prompt(said, answering: work.inputs)
        let relay = UpstreamRelay(
            engine: engine, handle: work.handle, client: client,
            request: .chat(prompt.request(model: model)), keepsFrames: false)
        return try await relay.run()
    }
}
