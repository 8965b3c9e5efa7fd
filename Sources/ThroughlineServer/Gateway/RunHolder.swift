import Logging
import ThroughlineCore
import ThroughlineEngine

/// How work on a run came out.
enum RunOutcome: Hashable, Sendable {
    case completed(usage: [UInt8]?)
    case failed(RunError, usage: [UInt8]? = nil)
    /// The run is over already, by somebody else's doing.
    case over
}

/// Holds a run while work on it goes on: renews its lease, stops the work when the run is over, ends the run when the work is.
struct RunHolder: Sendable {
    let engine: Engine
    let handle: RunHandle
    let logger: Logger

    /// Returns when the run has ended. When this task is cancelled, since the server stops, the run ends as failed.
    func hold(_ work: @escaping @Sendable () async throws -> RunOutcome) async {
        let ending = await withTaskGroup(of: RunOutcome.self) { group in
            group.addTask { await outcome(of: work) }
            group.addTask {
                await engine.untilEnded(handle.run, in: handle.session)
                return .over
            }
            group.addTask { await renewing() }
            let first = await group.next() ?? .over
            group.cancelAll()
            return first
        }
        await end(as: Task.isCancelled ? .failed(.stopping) : ending)
    }

    private func outcome(of work: @Sendable () async throws -> RunOutcome) async -> RunOutcome {
        do {
            return try await work()
        } catch let refusal as Refusal {
            return Self.outcome(of: refusal)
        } catch is CancellationError {
            return .over
        } catch {
            return .failed(RunError(code: "internal_error", message: "The agent failed."))
        }
    }

    private static func outcome(of refusal: Refusal) -> RunOutcome {
        switch refusal.code {
        case .runCancelled, .runEnded, .runFenced, .runNotFound, .sessionErased, .sessionNotFound: .over
        default: .failed(RunError(code: refusal.code.rawValue, message: refusal.detail))
        }
    }

    private func renewing() async -> RunOutcome {
        while true {
            do {
                try await Task.sleep(for: .milliseconds(handle.leaseMilliseconds / 3))
                try await engine.renew(handle)
            } catch let refusal as Refusal {
                if Self.outcome(of: refusal) == .over { return .over }
            } catch {
                return .over
            }
        }
    }

    /// In a task of its own: a run has to be ended even where the task that worked on it is cancelled.
    private func end(as outcome: RunOutcome) async {
        await Task { await settle(outcome) }.value
    }

    private func settle(_ outcome: RunOutcome) async {
        do throws(Refusal) {
            switch outcome {
            case .completed(let usage):
                try await engine.end(handle, reason: .completed, usage: usage, error: nil)
            case .failed(let error, let usage):
                try await engine.end(handle, reason: .failed, usage: usage, error: error)
            case .over: break
            }
        } catch {
            guard Self.outcome(of: error) != .over else { return }
            logger.warning(
                "a run could not be ended",
                metadata: [
                    "tl.session.id": "\(handle.session)", "tl.run.id": "\(handle.run)",
                    "tl.code": "\(error.code.rawValue)",
                ])
        }
    }
}
