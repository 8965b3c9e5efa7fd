import NIOCore
import Synchronization
public import ThroughlineCore

/// A subscription in memory, which all are.
///
/// A change is applied at once and stored; whoever asked for it is answered when it is durable.
public final class HeldSubscription: Sendable {
    struct State {
        var machine: SubscriptionMachine
        /// Its name in the store.
        var stream: StreamID
        /// Records that are stored, or on their way.
        var records: UInt64
        /// Appends that have not come back.
        var underWay = 0
        /// Who waits for those.
        var waiting: [@Sendable () -> Void] = []
        /// The end of the lease, or of the pause before another call.
        var timer: Scheduled<Void>?
        var isGone = false
        /// What is to be run when the lock has been let go of.
        var after: [@Sendable () -> Void] = []
    }

    public let id: String
    let state: Mutex<State>

    init(_ machine: SubscriptionMachine, stream: StreamID, records: UInt64) {
        id = machine.id
        state = Mutex(State(machine: machine, stream: stream, records: records))
    }

    /// Changes it under its lock. Nobody is answered before that is let go of.
    func change<Value>(_ body: (inout State) -> Value) -> Value {
        var after: [@Sendable () -> Void] = []
        let value = state.withLock { state in
            let value = body(&state)
            swap(&after, &state.after)
            return value
        }
        for body in after { body() }
        return value
    }
}

/// How a subscription stands, for whoever asks.
public struct SubscriptionStanding: Sendable {
    public var machine: SubscriptionMachine
    /// Where each of its streams ends.
    public var tails: [StreamPath: StreamOffset]
}

/// A webhook that has to be called.
public struct SubscriptionCall: Sendable {
    public var subscription: HeldSubscription
    public var standing: SubscriptionStanding
    public var wake: SubscriptionMachine.Wake
}

/// What came of a call.
public enum CallOutcome: Sendable {
    /// The worker has done it all.
    case done
    /// It has begun, and will call back.
    case heard
    case failed
}
