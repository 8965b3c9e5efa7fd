package import ThroughlineCore

/// When which waiting work is announced to one agent. Times are milliseconds of a clock that never goes back.
///
/// It is made of nothing but what waits now: after a restart all of that is announced again.
package struct WebhookSchedule: Sendable {
    /// A polling agent is between two requests: it is given so long.
    package static let grace: Int64 = 250
    /// After a call that failed, doubled with each.
    package static let firstRetry: Int64 = 1_000
    package static let longestRetry: Int64 = 300_000
    /// After a call that was heard and whose work still waits, doubled with each.
    package static let firstReminder: Int64 = 30_000
    package static let longestReminder: Int64 = 3_600_000

    private struct Entry {
        /// What was announced, as the call names it.
        var work: [UInt8]?
        var failures = 0
        var reminders = 0
        var next: Int64
    }

    private var entries: [SessionID: Entry] = [:]

    package init() {}

    /// The session to look at now, of those that have work.
    package mutating func next(of waiting: [SessionID], at now: Int64) -> SessionID? {
        if entries.count > waiting.count {
            let still = Set(waiting)
            entries = entries.filter { still.contains($0.key) }
        }
        for session in waiting where entries[session] == nil { entries[session] = Entry(next: now + Self.grace) }
        let due = waiting.filter { (entries[$0]?.next ?? .max) <= now }
        return due.min { (entries[$0]?.next ?? 0) < (entries[$1]?.next ?? 0) }
    }

    /// Nothing of the session can be taken now.
    package mutating func found(nothingIn session: SessionID, at now: Int64) {
        entries[session]?.next = now + Self.firstRetry
    }

    /// Whether to announce this: other work than was announced last does not wait for that one's time.
    package mutating func shouldAnnounce(_ work: [UInt8], of session: SessionID) -> Bool {
        guard var entry = entries[session] else { return false }
        if entry.work != work {
            entry.work = work
            entry.failures = 0
            entry.reminders = 0
            entries[session] = entry
        }
        return true
    }

    /// The call was answered as it should be, or not.
    package mutating func announced(_ session: SessionID, isHeard: Bool, at now: Int64) {
        guard var entry = entries[session] else { return }
        if isHeard {
            entry.next = now + Self.delay(Self.firstReminder, entry.reminders, Self.longestReminder)
            entry.reminders += 1
            entry.failures = 0
        } else {
            entry.next = now + Self.delay(Self.firstRetry, entry.failures, Self.longestRetry)
            entry.failures += 1
        }
        entries[session] = entry
    }

    private static func delay(_ first: Int64, _ count: Int, _ longest: Int64) -> Int64 {
        min(first << Int64(min(count, 20)), longest)
    }
}
