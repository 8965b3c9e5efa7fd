import ThroughlineTestKit

/// What the disk is going to do wrong.
package struct FaultPlan: Sendable {
    package enum Call: Sendable { case read, write, synchronize, name }

    /// After so many writes, fsyncs and changes of names the process ends, and how.
    package var crash: (calls: Int, ending: SimulatedDisk.Ending)?
    /// The call of that kind after so many others fails.
    package var error: (call: Call, calls: Int)?
    /// After so many writes one takes only a part.
    package var shortWrite: Int?
    /// No file can grow.
    package var isFull = false
    /// Microseconds that a call takes; `nil`: about 100.
    package var delay: Int64?
    /// Nothing goes wrong for a while: somebody outside looks.
    package var isPaused = false

    package init() {}

    /// A new process: what was planned for the old one is forgotten, but for the full disk.
    mutating func clear() {
        crash = nil
        error = nil
        shortWrite = nil
    }
}

extension SimulatedDisk {
    enum Verdict { case proceed, crash, fail }

    /// Whether a call goes well. Every call that changes something on the disk can be the last one.
    func begin(_ call: FaultPlan.Call) -> Verdict {
        guard ending == nil else { return .fail }
        if plan.isPaused { return .proceed }
        takeTime()
        if call != .read, let crash = plan.crash {
            plan.crash?.calls -= 1
            if crash.calls <= 0 {
                plan.crash = nil
                count(crash.ending, at: call)
                return .crash
            }
        }
        if let error = plan.error, error.call == call {
            plan.error?.calls -= 1
            if error.calls <= 0 {
                plan.error = nil
                switch call {
                case .read: counts.add(.readError)
                case .write, .name: counts.add(.writeError)
                case .synchronize: counts.add(.syncError)
                }
                trace.note("fails")
                return .fail
            }
        }
        return .proceed
    }

    /// The ending that was planned for this call.
    private func count(_ ending: Ending, at call: FaultPlan.Call) {
        crashEnding = ending
        guard ending == .powerLoss else { return }
        switch call {
        case .read: break
        case .write: counts.add(.powerLossAtWrite)
        case .synchronize: counts.add(.powerLossAtSync)
        case .name: counts.add(.powerLossAtName)
        }
    }

    private func takeTime() {
        if let delay = plan.delay {
            counts.add(.slowCall)
            clock.advance(microseconds: delay / 2 + Int64(random.below(Int(delay))))
        } else {
            clock.advance(microseconds: 50 + Int64(random.below(100)))
        }
    }

    /// Whether a write takes only a part.
    func isShort() -> Bool {
        guard !plan.isPaused, let left = plan.shortWrite else { return false }
        plan.shortWrite = left > 0 ? left - 1 : nil
        if left == 0 { counts.add(.shortWrite) }
        return left == 0
    }

    func hasRoom(for size: Int, in file: SimulatedFile) -> Bool {
        guard plan.isFull, !plan.isPaused, size > file.cached.count else { return true }
        counts.add(.diskFull)
        trace.note("full")
        return false
    }
}
