import Synchronization

/// The engine's counters, readable at any time.
public final class EngineMetrics: Sendable {
    let operations = Atomic<Int>(0)
    let refusals = Atomic<Int>(0)
    let appends = Atomic<Int>(0)
    let appendFailures = Atomic<Int>(0)
    let events = Atomic<Int>(0)
    let deliveries = Atomic<Int>(0)
    let readers = Atomic<Int>(0)
    let storedReads = Atomic<Int>(0)
    let runsStarted = Atomic<Int>(0)
    let runsLost = Atomic<Int>(0)
    let runsHandedOn = Atomic<Int>(0)
    let webhooksHeard = Atomic<Int>(0)
    let webhooksFailed = Atomic<Int>(0)
    let sessionsLoaded = Atomic<Int>(0)
    let checkpoints = Atomic<Int>(0)
    let workWaiting = Atomic<Int>(0)
    let streamsExpired = Atomic<Int>(0)

    init() {}

    /// Name, help, kind and value of each, in the order of the page.
    public var all: [(name: String, help: String, kind: String, value: Int)] {
        [
            ("throughline_operations_total", "Operations on sessions.", "counter", load(operations)),
            ("throughline_refusals_total", "Operations refused.", "counter", load(refusals)),
            ("throughline_appends_total", "Appends made durable.", "counter", load(appends)),
            (
                "throughline_append_failures_total", "Appends the store could not make durable.", "counter",
                load(appendFailures)
            ),
            ("throughline_events_total", "Events made durable.", "counter", load(events)),
            ("throughline_deliveries_total", "Steps delivered to readers.", "counter", load(deliveries)),
            ("throughline_stored_reads_total", "Reads that went to the store.", "counter", load(storedReads)),
            ("throughline_checkpoints_total", "States of sessions kept.", "counter", load(checkpoints)),
            ("throughline_runs_started_total", "Runs started.", "counter", load(runsStarted)),
            (
                "throughline_runs_lost_total", "Runs that ended since their agent fell silent.", "counter",
                load(runsLost)
            ),
            (
                "throughline_runs_handed_on_total", "Times that a run was left to another agent.", "counter",
                load(runsHandedOn)
            ),
            ("throughline_webhooks_heard_total", "Calls that woke an agent.", "counter", load(webhooksHeard)),
            (
                "throughline_webhooks_failed_total", "Calls to wake an agent that failed.", "counter",
                load(webhooksFailed)
            ),
            (
                "throughline_streams_expired_total", "Durable streams whose time was over.", "counter",
                load(streamsExpired)
            ),
            ("throughline_readers", "Attached readers.", "gauge", load(readers)),
            ("throughline_sessions_in_memory", "Sessions loaded.", "gauge", load(sessionsLoaded)),
            ("throughline_work_waiting", "Agents waiting for work.", "gauge", load(workWaiting)),
        ]
    }

    /// A call to wake an agent was answered as it should be, or not.
    public func countWebhook(isHeard: Bool) {
        if isHeard { webhooksHeard.increment() } else { webhooksFailed.increment() }
    }

    private func load(_ counter: borrowing Atomic<Int>) -> Int { counter.load(ordering: .relaxed) }
}

extension Atomic where Value == Int {
    func increment(by count: Int = 1) { _ = wrappingAdd(count, ordering: .relaxed) }
}
