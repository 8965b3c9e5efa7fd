import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import ThroughlineCore
import ThroughlineEngine

/// Calls the webhooks of subscriptions.
struct SubscriptionCaller: Service {
    private let engine: Engine
    private let isDevelopment: Bool
    private let logger: Logger
    private let client: HTTPClient
    /// For a whole call.
    private static let timeout = TimeAmount.seconds(10)
    /// Of an answer more is not read.
    private static let answerBytes = 64 << 10
    private static let callsAtOnce = 64

    init(engine: Engine, isDevelopment: Bool, logger: Logger) {
        self.engine = engine
        self.isDevelopment = isDevelopment
        self.logger = logger
        client = HTTPClient(callingWebhooksWithin: Self.timeout)
    }

    func run() async throws {
        typealias Job = (call: SubscriptionCall, completion: @Sendable (CallOutcome) -> Void)
        let (jobs, continuation) = AsyncStream<Job>.makeStream()
        engine.streams.setCaller { call, completion in continuation.yield((call, completion)) }
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                for _ in 0..<Self.callsAtOnce {
                    group.addTask {
                        for await job in jobs { job.completion(await call(job.call)) }
                    }
                }
            }
        }
        continuation.finish()
        try? await client.shutdown()
    }

    private func call(_ call: SubscriptionCall) async -> CallOutcome {
        guard case .webhook(let url) = call.standing.machine.settings.delivery else { return .failed }
        do {
            if let objection = await objection(to: url) { return failed(call, objection) }
            let keys = try await keys()
            let body = call.standing.announced(call.wake, keys)
            var request = HTTPClientRequest(url: url)
            request.method = .POST
            request.headers.add(name: "Content-Type", value: "application/json")
            request.headers.add(name: "User-Agent", value: "Throughline")
            request.headers.add(name: "Webhook-Signature", value: try keys.signature(of: body, at: engine.now))
            request.body = .bytes(ByteBuffer(bytes: body))
            let response = try await client.execute(request, timeout: Self.timeout)
            guard (200..<300).contains(response.status.code) else {
                return failed(call, "status \(response.status.code)")
            }
            let answer = try? await response.body.collect(upTo: Self.answerBytes)
            let value = answer.flatMap { try? JSONDocument.parse(Array($0.readableBytesView)) }
            return value?["done"]?.boolean == true ? .done : .heard
        } catch {
            return failed(call, "\(type(of: error)): \(error)")
        }
    }

    /// Names are looked up on a thread that may wait.
    private func objection(to url: String) async -> String? {
        let isDevelopment = isDevelopment
        return await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(returning: WebhookTarget.resolvedObjection(to: url, isDevelopment: isDevelopment))
            }
        }
    }

    private func keys() async throws -> SubscriptionKeys {
        try await withCheckedContinuation { continuation in
            engine.streams.keys { continuation.resume(returning: $0) }
        }.get()
    }

    private func failed(_ call: SubscriptionCall, _ reason: String) -> CallOutcome {
        logger.warning(
            "a webhook could not be called",
            metadata: ["tl.subscription": "\(call.subscription.id)", "tl.reason": "\(reason)"])
        return .failed
    }
}
