import Logging
import ServiceLifecycle
import ThroughlineCore
import ThroughlineEngine

/// Something that answers inputs in this process.
protocol InputAnswerer: Sendable {
    /// The name under which it takes work.
    var name: AgentName { get }

    /// Writes the answer into the run. Cancelled when the run is over.
    func answer(_ work: Engine.Work, on engine: Engine) async throws -> RunOutcome
}

/// Takes the inputs that are addressed to nobody or to its answerer, several at a time, until the server stops.
struct BuiltInAgent: Service {
    let engine: Engine
    let answerer: any InputAnswerer
    let logger: Logger
    var concurrentRuns = 32
    var leaseMilliseconds: Int64 = 5_000
    /// Runs last of all.
    var onStop: @Sendable () async -> Void = {}

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                for _ in 0..<concurrentRuns { group.addTask { await takeTurns() } }
            }
        }
        await onStop()
    }

    private func takeTurns() async {
        while !Task.isCancelled {
            guard let work = await take() else { continue }
            await RunHolder(engine: engine, handle: work.handle, logger: logger).hold {
                try await answerer.answer(work, on: engine)
            }
        }
    }

    private func take() async -> Engine.Work? {
        do throws(Refusal) {
            return try await engine.takeWork(
                agent: answerer.name, work: WorkID(unchecked: engine.randomID("work-")), wait: 60,
                leaseMilliseconds: leaseMilliseconds)
        } catch {
            if error.code != .stopping {
                logger.warning("no work can be taken", metadata: ["tl.code": "\(error.code.rawValue)"])
            }
            try? await Task.sleep(for: .seconds(1))
            return nil
        }
    }
}

/// Which agents a server brings along.
enum BuiltInAgents {
    /// The model of the upstream, if one is named; without an upstream the demonstration agent, if it is wanted.
    static func services(for configuration: ServerConfiguration, engine: Engine, logger: Logger) -> [any Service] {
        if let upstream = configuration.upstream {
            guard let model = upstream.model else { return [] }
            let client = UpstreamClient(upstream)
            let answerer = UpstreamAgent(model: model, client: client)
            return [BuiltInAgent(engine: engine, answerer: answerer, logger: logger) { await client.shutdown() }]
        }
        guard configuration.isDevelopment, configuration.hasDemoAgent else { return [] }
        return [BuiltInAgent(engine: engine, answerer: DemoAgent(), logger: logger)]
    }
}
