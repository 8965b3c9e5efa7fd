/// One row of the table: what is run on both sides, and which figures it gives.
struct BenchCase: Sendable {
    var id: String
    var work: String
    var ours: Trial
    var peer: Trial?
    /// The least a machine can do for this work; run once.
    var limit: Trial?
    var figures: [Figure]
}

/// One server and one load on it.
struct Trial: Sendable {
    enum Server: Sendable {
        case ours, redis, nats
        /// Servers of the load client that do nothing but the unavoidable.
        case groupCommit, relay
    }

    var name: String
    var server: Server
    /// The load client's scenario and options; port, server and seconds are added.
    var load: [String]
    /// What is done instead of that.
    var steps: Steps = .load

    enum Steps: Sendable {
        case load
        /// Fills the server, restarts it, then loads.
        case fillRestartLoad([String])
        /// Fills the server, kills it, and takes the time until it is ready again.
        case fillKillReady([String])
    }
}

/// One number of a report, and what it should be.
struct Figure: Sendable {
    enum Goal: Sendable {
        /// Ours over the peer's.
        case ratio(must: Double, aim: Double)
        case absolute(must: Double, aim: Double)
    }

    /// Set apart from the row's other figures.
    var suffix = ""
    /// The report's member, and what it is multiplied with to be in this unit.
    var field: String
    var unit: String
    var scale = 1.0
    var isLessBetter = false
    var goal: Goal
}
