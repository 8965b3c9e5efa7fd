import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import ThroughlineCore
import ThroughlineEngine

/// Wakes agents for which work waits while they do not ask for it. One call at a time for each.
struct WebhookService: Service {
    private let engine: Engine
    private let configuration: WebhookConfiguration
    private let logger: Logger
    private let client: HTTPClient

    /// How many sessions with work are looked at for an agent; the oldest come first, and what it takes makes room.
    private static let sessionsAtOnce = 256

    init(engine: Engine, configuration: WebhookConfiguration, logger: Logger) {
        self.engine = engine
        self.configuration = configuration
        self.logger = logger
        client = HTTPClient(callingWebhooksWithin: configuration.timeout)
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                for target in configuration.targets { group.addTask { await keepAwake(target) } }
            }
        }
        try? await client.shutdown()
    }

    private func keepAwake(_ target: WebhookConfiguration.Target) async {
        var schedule = WebhookSchedule()
        let start = ContinuousClock.now
        let now = { Int64((ContinuousClock.now - start) / .milliseconds(1)) }
        while !Task.isCancelled {
            let waiting = engine.sessionsWithWork(for: target.agent, limit: Self.sessionsAtOnce)
            guard let session = schedule.next(of: waiting, at: now()) else {
                try? await Task.sleep(for: configuration.look)
                continue
            }
            guard let work = await body(of: session, target) else {
                schedule.found(nothingIn: session, at: now())
                continue
            }
            guard schedule.shouldAnnounce(work, of: session) else { continue }
            let isHeard = await call(target, work)
            if Task.isCancelled { return }
            engine.metrics.countWebhook(isHeard: isHeard)
            schedule.announced(session, isHeard: isHeard, at: now())
        }
    }

    /// What the agent is told: `nil` where nothing waits after all.
    private func body(of session: SessionID, _ target: WebhookConfiguration.Target) async -> [UInt8]? {
        guard let waiting = try? await engine.waitingWork(in: session, for: target.agent) else { return nil }
        return JSONWriter.object {
            $0.field("agent", target.agent.value)
            $0.field("session", session.value)
            $0.field("input", waiting.input.value)
            $0.field("run", waiting.run?.value)
        }
    }

    /// Whether it was answered with a 2xx.
    private func call(_ target: WebhookConfiguration.Target, _ body: [UInt8]) async -> Bool {
        let time = Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000))
        var request = HTTPClientRequest(url: target.url)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        request.headers.add(name: "User-Agent", value: "Throughline")
        request.headers.add(
            name: WebhookSignature.header,
            value: WebhookSignature.header(of: body, at: time, secret: configuration.secret))
        request.body = .bytes(ByteBuffer(bytes: body))
        do {
            // Of the answer only its status is of interest; the rest is not read.
            let status = try await client.execute(request, timeout: configuration.timeout).status
            if (200..<300).contains(status.code) { return true }
            warn(target, "status \(status.code)")
        } catch {
            if !Task.isCancelled { warn(target, "\(type(of: error)): \(error)") }
        }
        return false
    }

    private func warn(_ target: WebhookConfiguration.Target, _ reason: String) {
        logger.warning(
            "an agent could not be woken", metadata: ["tl.agent": "\(target.agent)", "tl.reason": "\(reason)"])
    }
}
