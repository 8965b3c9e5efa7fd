import HeapModule
import Synchronization
import ThroughlineCore

/// When which session has to be looked at. A look costs nothing for the sessions whose time has not come, however many they are.
final class Alarms: Sendable {
    private struct Alarm: Comparable {
        var time: Int64
        /// By name: an alarm keeps no session in memory.
        var session: SessionID

        static func < (one: Alarm, other: Alarm) -> Bool { one.time < other.time }
        static func == (one: Alarm, other: Alarm) -> Bool { one.time == other.time }
    }

    private let waiting = Mutex(Heap<Alarm>())

    /// Sees to it that the session is looked at when something may be due, at the latest. Its lock is held.
    ///
    /// A lease that is renewed changes nothing here: the look comes too early then, finds nothing, and the next is set.
    func set(for live: LiveSession, _ state: inout LiveSession.State) {
        guard state.due < state.alarm else { return }
        state.alarm = state.due
        set(for: live.id, at: state.due)
    }

    /// The same for a session that is not in memory.
    func set(for session: SessionID, at time: Int64) {
        waiting.withLock { $0.insert(Alarm(time: time, session: session)) }
    }

    /// The sessions whose time has come, each with the time it was.
    func due(_ now: Int64) -> [(session: SessionID, time: Int64)] {
        waiting.withLock { waiting in
            var due: [(session: SessionID, time: Int64)] = []
            while let next = waiting.min, next.time <= now {
                due.append((next.session, next.time))
                waiting.removeMin()
            }
            return due
        }
    }
}
