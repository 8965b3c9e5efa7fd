import Logging
import NIOCore
import NIOEmbedded
import ThroughlineCore
import ThroughlineEngine
import ThroughlineStorage
import ThroughlineTestKit

/// One process of the server: opened on the disk, driven step by step, thrown away at its end.
final class SimulatedServer {
    let number: Int
    let store: EmbeddedLogStore
    let engine: Engine
    let loop = EmbeddedEventLoop()
    /// Set once the store said that nothing is known any more.
    let failure = Box<String?>(nil)
    private var hasEnded = false
    /// The store reads no more.
    var isClosed: Bool { hasEnded || disk.ending != nil }
    private let early: MutantStore?
    private let reads = Box<[@Sendable () -> Void]>([])
    private let disk: SimulatedDisk
    private var loopMicroseconds: Int64

    static let folder = "/simulated/store"

    init(_ disk: SimulatedDisk, sizes: StoreConfiguration) throws {
        self.disk = disk
        number = disk.generation
        var configuration = sizes
        configuration.fileSystem = disk.mutation.fileSystem(disk.fileSystem())
        let logger = Logger(label: "simulator") { [trace = disk.trace] _ in TraceLogHandler(trace: trace) }
        store = try EmbeddedLogStore(
            directory: Self.folder, configuration: configuration, logger: logger, hasThreads: false)
        let early = disk.mutation.store(store)
        self.early = early
        loopMicroseconds = disk.clock.microseconds
        engine = Engine(
            store: early ?? store, timers: loop, configuration: Self.engineConfiguration,
            environment: Self.environment(disk, reads), logger: logger)
        engine.onStoreFailure { [failure] reason in failure.value = failure.value ?? reason }
        do {
            try engine.start()
        } catch {
            store.close()
            throw error
        }
    }

    private static var engineConfiguration: EngineConfiguration {
        var configuration = EngineConfiguration()
        // Small, so that readers often find that what they want has left memory.
        configuration.windowBytes = 2_000
        configuration.sliceBytes = 1_500
        configuration.mergeAbove = 4
        configuration.idleMilliseconds = 3_000
        // What is read is read from the disk.
        configuration.streamPageBytes = 0
        configuration.streamCompactionMessages = 5
        configuration.session.commandMilliseconds = 4_000
        configuration.session.awaitedInputMilliseconds = 3_000
        configuration.session.batonMilliseconds = 2_500
        return configuration
    }

    private static func environment(_ disk: SimulatedDisk, _ reads: Box<[@Sendable () -> Void]>) -> EngineEnvironment {
        let clock = Box(disk.clock)
        let random = Box(SeededRandom(seed: disk.random.next()))
        var environment = EngineEnvironment(
            now: { Timestamp(milliseconds: clock.value.wall) },
            monotonic: { clock.value.monotonic },
            randomBytes: { count in (0..<count).map { _ in UInt8.random(in: 0...255, using: &random.value) } })
        environment.storeReads = { work in reads.value.append(work) }
        return environment
    }

    @discardableResult
    func stepWriter() -> Bool {
        let wasEarly = early?.step() ?? false
        return store.stepWriter() || wasEarly
    }

    /// Does the oldest read from the store.
    @discardableResult
    func stepRead() -> Bool {
        guard !reads.value.isEmpty else { return false }
        reads.value.removeFirst()()
        return true
    }

    /// Lets the timers see that time has passed.
    func runTimers() {
        let passed = disk.clock.microseconds - loopMicroseconds
        loopMicroseconds = disk.clock.microseconds
        loop.advanceTime(by: .microseconds(passed))
    }

    /// The end of the process. The disk is dead by then, unless the server stops in order.
    func end() {
        engine.stopTaking()
        store.close()
        hasEnded = true
        reads.value = []
    }
}

/// A variable that closures share.
///
/// `@unchecked Sendable` is true because a simulation runs on one thread.
final class Box<Value>: @unchecked Sendable {
    var value: Value
    init(_ value: Value) { self.value = value }
}

/// Writes the server's log among the lines of the trace.
private struct TraceLogHandler: LogHandler {
    let trace: Box<Trace>
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    init(trace: Trace) { self.trace = Box(trace) }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        trace.value.say("log: \(event.message) \(event.metadata?.description ?? "")")
    }
}
