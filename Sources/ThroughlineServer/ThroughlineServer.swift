import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
public import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
public import ThroughlineCore
import ThroughlineEngine
import UnixSignals

/// The whole server over a store: engine, transports, gateway, built-in agents.
public struct ThroughlineServer: Sendable {
    private let configuration: ServerConfiguration
    private let engine: Engine
    private let store: any LogStore
    private let storeMetrics: @Sendable () -> [Metric]
    private let stopping = StopSignal()
    private let logger: Logger

    /// Reads what the store holds. Throws what it cannot read.
    ///
    /// - Parameter storeMetrics: What the store counts, for `/metrics`.
    public static func make(
        configuration: ServerConfiguration, store: any LogStore, logger: Logger,
        storeMetrics: @escaping @Sendable () -> [Metric] = { [] }
    ) async throws -> ThroughlineServer {
        let engine = Engine(
            store: store, timers: MultiThreadedEventLoopGroup.singleton.next(), configuration: configuration.engine,
            logger: logger)
        engine.onStoreFailure { _ in
            // After a failed fsync nothing is known. What was not acknowledged is not promised; the log is read anew at the next start.
            exit(74)
        }
        try engine.start()
        return ThroughlineServer(
            configuration: configuration, engine: engine, store: store, storeMetrics: storeMetrics, logger: logger)
    }

    private init(
        configuration: ServerConfiguration, engine: Engine, store: any LogStore,
        storeMetrics: @escaping @Sendable () -> [Metric], logger: Logger
    ) {
        self.configuration = configuration
        self.engine = engine
        self.store = store
        self.storeMetrics = storeMetrics
        self.logger = logger
    }

    /// Serves until SIGTERM or SIGINT, then stops gracefully: agents in this process end their runs, readers are told to come
    /// back, writers get their answers, the store is closed.
    ///
    /// - Parameter onRunning: Called with the port once requests are taken.
    public func run(onRunning: @escaping @Sendable (Int) async -> Void = { _ in }) async throws {
        let gateway = GatewayService(engine: engine, upstream: configuration.upstream, logger: logger)
        let http = HTTPService(
            application: try application(gateway: gateway, onRunning: onRunning), engine: engine, stopping: stopping)
        // Stopped in the reverse order.
        let services: [any Service] =
            [EngineService(engine: engine, store: store), http, gateway]
            + BuiltInAgents.services(for: configuration, engine: engine, logger: logger)
            + webhookServices
            + [SubscriptionCaller(engine: engine, isDevelopment: configuration.isDevelopment, logger: logger)]
        var group = ServiceGroupConfiguration(
            services: services.map { .init(service: $0) }, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        group.maximumGracefulShutdownDuration = .seconds(15)
        try await ServiceGroup(configuration: group).run()
    }

    private var webhookServices: [any Service] {
        configuration.webhooks.map { [WebhookService(engine: engine, configuration: $0, logger: logger)] } ?? []
    }

    private func application(
        gateway: GatewayService, onRunning: @escaping @Sendable (Int) async -> Void
    ) throws -> Application<RouterResponder<BasicRequestContext>> {
        let gatekeeper = Gatekeeper(
            isDevelopment: configuration.isDevelopment, keys: configuration.keys,
            allowedOrigins: configuration.allowedOrigins)
        let upgrade = WebSocketUpgrade(engine: engine, gatekeeper: gatekeeper, limits: configuration.limits)
        let limits = configuration.limits
        let door = DirectDoor(
            engine: engine, gatekeeper: gatekeeper, limits: limits,
            decoder: OperationDecoder(limits: configuration.engine.session), streams: streams)
        return Application(
            responder: try router(gatekeeper: gatekeeper, gateway: gateway).buildResponder(),
            server: .init { responder in
                DualChannel(responder: responder, limits: limits, upgrader: upgrade.makeUpgrader, door: door)
            },
            configuration: .init(
                address: .hostname(configuration.host, port: configuration.port), backlog: 4_096,
                availableConnectionsDelegate: MaximumAvailableConnections(limits.connections)),
            onServerRunning: { channel in await onRunning(channel.localAddress?.port ?? 0) },
            logger: logger)
    }

    private var streams: StreamService {
        StreamService(
            engine: engine, limits: configuration.limits, stopping: stopping,
            subscriptions: SubscriptionService(
                streams: engine.streams, isDevelopment: configuration.isDevelopment))
    }

    private func router(gatekeeper: Gatekeeper, gateway: GatewayService) throws -> Router<BasicRequestContext> {
        let router = Router(context: BasicRequestContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: GuardMiddleware(gatekeeper: gatekeeper))
        let fields = RequestFields(
            limits: configuration.limits, decoder: OperationDecoder(limits: configuration.engine.session))
        Routes(
            sessions: SessionController(engine: engine, fields: fields),
            inputs: InputController(engine: engine, fields: fields),
            runs: RunController(engine: engine, fields: fields),
            requests: RequestController(engine: engine, fields: fields),
            presence: PresenceController(engine: engine, fields: fields),
            events: EventController(engine: engine, fields: fields, stopping: stopping),
            streams: StreamController(service: streams),
            status: StatusController(engine: engine, storeMetrics: storeMetrics),
            backup: BackupController(source: configuration.backup, stopping: stopping),
            chat: ChatController(engine: engine, gateway: gateway),
            page: try PageController()
        ).add(to: router)
        return router
    }
}

/// The HTTP server. When it is to stop it first tells the long answers to end.
private struct HTTPService: Service {
    let application: Application<RouterResponder<BasicRequestContext>>
    let engine: Engine
    let stopping: StopSignal

    func run() async throws {
        try await withGracefulShutdownHandler {
            try await application.run()
        } onGracefulShutdown: {
            stopping.stop()
            engine.dismissWaiters()
        }
    }
}

/// Closes the engine and the store, last of all.
private struct EngineService: Service {
    let engine: Engine
    let store: any LogStore

    func run() async throws {
        try? await gracefulShutdown()
        engine.stopTaking()
        let store = store
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                store.close()
                continuation.resume()
            }
        }
    }
}
