import ThroughlineCore

/// What of a session decides how its runs, commands, requests and baton can go on, and nothing else, so that there are finitely many.
///
/// Left out is what only grows and is compared with nothing but itself: numbers of events, epochs and tokens (who holds a run
/// acts with the token of its epoch, and that all others are fenced is a rule of each state), the ids of what is over. What a command or
/// a request came to is read by nobody: that a retry changes nothing is a rule of each state, too. Commands and requests that differ in
/// their names only are told apart by nothing, so they are sorted.
struct ControlView: Hashable {
    struct RunView: Hashable {
        var state: Run.State
        var waiting: String?
        /// As what it will end when those below it have.
        var held: Run.State?
        var attempt: Int
        var isReady: Bool
        var hasInputs: Bool
        var isBelow: Bool
    }

    /// A command that has not come to its end.
    struct OrderView: Hashable, Comparable {
        var verb: String
        /// The run that has to carry it out, by its place.
        var run: Int
        /// The runs whose holders have to be told of it, by their places.
        var untold: [Int]
        var awaitsInput: Bool

        private var text: String { "\(verb) \(run) \(untold) \(awaitsInput)" }
        static func < (one: OrderView, other: OrderView) -> Bool { one.text < other.text }
    }

    var runs: [RunView] = []
    var orders: [OrderView] = []
    var ordersOver: Int
    /// The places of the runs that wait for an answer, sorted.
    var asking: [Int] = []
    var requestsOver: Int
    var hasBaton: Bool
    var inputsUsed: Int
    /// What became of the input that a cancel may name.
    var first: Input.State?
    /// The place of the run that has it.
    var firstRun: Int?
    /// More than there will be runs for count as that many.
    var queued: Int

    init(_ machine: SessionMachine, _ bounds: Bounds) {
        let pausing = Set(machine.queuedRunPauses.map(\.run))
        let known = bounds.runs.compactMap { machine.run($0) }
        for run in known {
            runs.append(
                RunView(
                    state: run.state, waiting: run.waiting, held: run.held?.reason, attempt: run.attempt,
                    isReady: run.state == .queued && !pausing.contains(run.id), hasInputs: !run.inputs.isEmpty,
                    isBelow: run.parent != nil))
        }
        let commands = bounds.commands.compactMap { machine.command($0) }
        for command in commands where !command.state.isFinal {
            orders.append(
                OrderView(
                    verb: command.verb.rawValue, run: known.firstIndex { $0.id == command.run } ?? -1,
                    untold: known.indices.filter { known[$0].untold == command.id },
                    awaitsInput: command.expires != nil && command.verb == .cancel))
        }
        orders.sort()
        ordersOver = commands.count - orders.count
        let requests = bounds.requests.compactMap { machine.request($0) }
        for request in requests where request.state == .open {
            asking.append(known.firstIndex { $0.id == request.run } ?? -1)
        }
        asking.sort()
        requestsOver = requests.count - asking.count
        hasBaton = machine.baton != nil
        inputsUsed = bounds.inputs.count { machine.input($0) != nil }
        first = machine.input(Scope.first).map { $0.state == .queued || $0.state == .claimed ? $0.state : .withdrawn }
        firstRun = first == .claimed ? known.firstIndex { $0.id == machine.input(Scope.first)?.run } : nil
        queued = min(machine.allInputs.count { $0.state == .queued }, max(1, bounds.runs.count - known.count))
    }
}
