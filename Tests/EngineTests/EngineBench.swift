import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing
import ThroughlineCore
import ThroughlineEngine
import ThroughlineTestKit

/// An engine over a store, with time in the test's hand.
struct EngineBench {
    let environment: TestEnvironment
    let engine: Engine
    let ada = Participant(id: "ada", role: .user)
    let session = SessionID("s")!

    init(store: any LogStore, seed: UInt64 = 1, configure: (inout EngineConfiguration) -> Void = { _ in }) throws {
        environment = TestEnvironment(seed: seed)
        var configuration = EngineConfiguration()
        configuration.tick = .milliseconds(5)
        configure(&configuration)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        engine = Engine(
            store: store, timers: MultiThreadedEventLoopGroup.singleton.next(), configuration: configuration,
            environment: environment.engine, logger: logger)
        try engine.start()
    }

    func create() async throws {
        _ = try await engine.perform(.create(title: nil, metadata: nil), on: session, by: ada)
    }

    func input(_ id: String, agent: String? = nil) async throws -> Answer {
        try await engine.perform(
            .addInput(.init(id: InputID(id)!, parts: [InputPart(text: "hi")], agent: agent.map { AgentName($0)! })),
            on: session,
            by: ada)
    }

    /// Starts a run and answers its handle.
    func start(_ run: String, milliseconds: Int64 = 30_000) async throws -> RunHandle {
        let answer = try await engine.perform(
            .startRun(
                .init(
                    id: RunID(run)!, agent: AgentName("bot")!, leaseMilliseconds: milliseconds)),
            on: session, by: ada)
        let token = try #require(try JSONDocument.parse(answer.body)["lease"]?["token"]?.string)
        return RunHandle(session: session, run: RunID(run)!, token: token, leaseMilliseconds: milliseconds)
    }

    func snapshot() async throws -> [UInt8] {
        try await withCheckedContinuation { continuation in
            engine.snapshot(of: session, SnapshotPage(), by: ada) { continuation.resume(returning: $0) }
        }.get()
    }

    func cancelAll(_ id: String) async throws -> Answer {
        try await engine.perform(
            .command(id: CommandID(id)!, CommandOrder(verb: .cancel, target: .all)), on: session, by: ada)
    }

    /// Waits for something that another thread does; fails after five seconds.
    func eventually(_ what: Comment, _ condition: () async throws -> Bool) async throws {
        for _ in 0..<1_000 {
            if try await condition() { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        Issue.record("never: \(what)")
    }

    /// The types of the session's events.
    func history() async throws -> [String] {
        let page = try await engine.readPage(of: session, after: .zero, limit: 5_000, by: ada)
        return try page.events.map { try #require(JSONDocument.parse($0.bytes)["type"]?.string) }
    }
}

/// The result of something that was begun, for looking whether it is there yet.
final class Pending<Value: Sendable>: Sendable {
    private let value = Mutex<Result<Value, Refusal>?>(nil)

    func set(_ result: Result<Value, Refusal>) { value.withLock { $0 = result } }
    var result: Result<Value, Refusal>? { value.withLock { $0 } }
    var isDone: Bool { result != nil }
    var code: Refusal.Code? {
        if case .failure(let refusal)? = result { refusal.code } else { nil }
    }
}
