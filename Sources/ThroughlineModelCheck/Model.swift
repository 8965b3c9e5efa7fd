import ThroughlineCore

/// What may happen in an explored session, and which of its states count as the same.
package struct Model: Sendable {
    let actions: [Action]
    let key: @Sendable (SessionMachine) -> StateKey

    /// All that there is, edits, branches, steps and messages too. It has no end: visit it to a depth.
    package static let wide = Model(actions: Action.wide) { StateKey(StateView($0)) }

    /// Runs, commands, requests and the baton, as many as are said: it comes to an end. See ``ControlView``.
    package static func control(runs: Int = 2, requests: Int = 2, commands: Int = 3) -> Model {
        let bounds = Bounds(runs: runs, requests: requests, commands: commands)
        return Model(actions: Action.control(bounds)) { StateKey(ControlView($0, bounds)) }
    }
}

/// How many of each there may be.
struct Bounds: Sendable {
    var runs: [RunID]
    var requests: [AgentRequestID]
    var commands: [CommandID]
    /// As many as runs can take.
    var inputs: [InputID]

    init(runs: Int, requests: Int, commands: Int) {
        self.runs = Array(Scope.runs.prefix(runs))
        self.requests = Array(Scope.requests.prefix(requests))
        self.commands = Array(Scope.commands.prefix(commands))
        inputs = Array([Scope.first, Scope.second].prefix(runs))
    }
}

/// A state, by 128 bits of a hash: among ten million different ones, two have the same with a probability of 1 in 10^24.
struct StateKey: Hashable {
    private let one: Int
    private let other: Int

    init(_ view: some Hashable) {
        var first = Hasher()
        first.combine(view)
        var second = Hasher()
        second.combine(0x7410)
        second.combine(view)
        one = first.finalize()
        other = second.finalize()
    }
}
