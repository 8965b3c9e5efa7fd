import Dispatch
import ThroughlineCore

/// A few threads for what takes its time: reads from the store, above all. Reads of one session stay on one thread, so they do not overtake each other.
final class BlockingPool: Sendable {
    private let queues: [DispatchQueue]
    private let executor: EngineEnvironment.Executor?

    /// - Parameter executor: What runs the reads instead of threads.
    init(threads: Int, executor: EngineEnvironment.Executor?) {
        self.executor = executor
        queues = (0..<max(1, threads)).map { DispatchQueue(label: "throughline.reader.\($0)") }
    }

    /// Runs what belongs to no session.
    func run(_ work: @escaping @Sendable () -> Void) {
        if let executor { return executor(work) }
        queues[0].async(execute: work)
    }

    /// Runs what belongs to a session or a stream.
    func run(for owner: some Hashable, _ work: @escaping @Sendable () -> Void) {
        if let executor { return executor(work) }
        queues[Int(owner.hashValue.magnitude % UInt(queues.count))].async(execute: work)
    }
}
