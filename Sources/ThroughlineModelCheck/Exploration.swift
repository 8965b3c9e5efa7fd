import ThroughlineCore

/// Visits every state that a session can get into with so many actions, and checks the rules in each and between each two.
package struct Exploration {
    package struct Report: Sendable {
        /// Different ones.
        package var states = 0
        package var steps = 0
        package var depth = 0
        /// How often each action led from one state to another.
        package var taken: [String: Int] = [:]
        /// How often each refusal was given.
        package var refused: [String: Int] = [:]
        /// The rule that was broken, and the actions that led there.
        package var violation: (rule: String, path: [String])?
        /// Whether there was nothing left to visit before the depth was reached.
        package var isComplete = false
        fileprivate var actions: [String] = []

        /// Actions that never did anything.
        package var idle: [String] { actions.filter { taken[$0] == nil } }
    }

    private struct Node {
        var machine: SessionMachine
        var key: StateKey
        /// The place of its step in `steps`.
        var step: Int
    }

    private var report = Report()
    private let model: Model
    private var known: Set<StateKey> = []
    /// How each state was reached first: the step before, and the action.
    private var steps: [(before: Int, action: Int)] = []
    private let progress: (Report) -> Void

    private init(_ model: Model, _ progress: @escaping (Report) -> Void) {
        self.model = model
        self.progress = progress
        report.actions = model.actions.map(\.name)
    }

    /// - Parameters:
    ///   - depth: How many actions one after the other; without it, until nothing is left to visit.
    ///   - progress: Called after each depth.
    package static func run(
        _ model: Model, depth: Int = .max, progress: @escaping (Report) -> Void = { _ in }
    ) -> Report {
        var exploration = Exploration(model, progress)
        exploration.explore(depth)
        return exploration.report
    }

    private mutating func explore(_ depth: Int) {
        let machine = Scope.newSession()
        let start = Node(machine: machine, key: model.key(machine), step: -1)
        known.insert(start.key)
        report.states = 1
        var frontier = [start]
        while report.depth < depth, !frontier.isEmpty, report.violation == nil {
            report.depth += 1
            var next: [Node] = []
            while let node = frontier.popLast() {
                let view = StateView(node.machine)
                for action in model.actions.indices {
                    if let reached = take(action, from: node, view) { next.append(reached) }
                    if report.violation != nil { return }
                }
            }
            frontier = next
            report.isComplete = next.isEmpty
            progress(report)
        }
    }

    /// The state that an action leads to, if it was not known.
    private mutating func take(_ index: Int, from node: Node, _ before: StateView) -> Node? {
        let action = model.actions[index]
        var machine = node.machine
        report.steps += 1
        do throws(Refusal) {
            try action.perform(&machine)
        } catch {
            report.refused[error.code.rawValue, default: 0] += 1
        }
        let records = machine.drain()?.records ?? []
        let key = model.key(machine)
        if records.isEmpty, key == node.key { return nil }
        report.taken[action.name, default: 0] += 1
        let isNew = known.insert(key).inserted
        do throws(Violation) {
            let view = StateView(machine)
            try Rules.check(before, view, records.compactMap { Event(stored: $0.payload) })
            if isNew {
                try Rules.check(machine, view)
                try Rules.checkRetries(machine)
                try Rules.checkEnd(machine)
            }
        } catch {
            report.violation = (error.rule, path(to: node.step) + [action.name])
            return nil
        }
        guard isNew else { return nil }
        report.states += 1
        steps.append((node.step, index))
        return Node(machine: machine, key: key, step: steps.count - 1)
    }

    private func path(to step: Int) -> [String] {
        var names: [String] = []
        var step = step
        while step >= 0 {
            names.append(model.actions[steps[step].action].name)
            step = steps[step].before
        }
        return names.reversed()
    }
}
