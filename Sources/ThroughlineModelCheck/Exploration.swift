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

        /// Actions that never did anything.
        package var idle: [String] { Action.all.map(\.name).filter { taken[$0] == nil } }
    }

    private struct Node {
        var machine: SessionMachine
        var view: StateView
        /// The place of its step in `steps`.
        var step: Int
    }

    private var report = Report()
    private var known: Set<StateView> = []
    /// How each state was reached first: the step before, and the action.
    private var steps: [(before: Int, action: Int)] = []
    private let progress: (Report) -> Void

    private init(_ progress: @escaping (Report) -> Void) { self.progress = progress }

    /// - Parameter progress: Called after each depth.
    package static func run(depth: Int, progress: @escaping (Report) -> Void = { _ in }) -> Report {
        var exploration = Exploration(progress)
        exploration.explore(depth)
        return exploration.report
    }

    private mutating func explore(_ depth: Int) {
        let machine = Scope.newSession()
        let start = Node(machine: machine, view: StateView(machine), step: -1)
        known.insert(start.view)
        report.states = 1
        var frontier = [start]
        while report.depth < depth, !frontier.isEmpty, report.violation == nil {
            report.depth += 1
            var next: [Node] = []
            for node in frontier {
                for action in Action.all.indices {
                    if let reached = take(action, from: node) { next.append(reached) }
                    if report.violation != nil { return }
                }
            }
            frontier = next
            report.isComplete = next.isEmpty
            progress(report)
        }
    }

    /// The state that an action leads to, if it was not known.
    private mutating func take(_ index: Int, from node: Node) -> Node? {
        let action = Action.all[index]
        var machine = node.machine
        report.steps += 1
        do throws(Refusal) {
            try action.perform(&machine)
        } catch {
            report.refused[error.code.rawValue, default: 0] += 1
        }
        let events = (machine.drain()?.records ?? []).compactMap { Event(stored: $0.payload) }
        let view = StateView(machine)
        if view != node.view { report.taken[action.name, default: 0] += 1 }
        let isNew = known.insert(view).inserted
        do throws(Violation) {
            try Rules.check(node.view, view, events)
            if isNew {
                try Rules.check(machine, view)
                try Rules.checkEnd(machine)
            }
        } catch {
            report.violation = (error.rule, path(to: node.step) + [action.name])
            return nil
        }
        guard isNew else { return nil }
        report.states += 1
        steps.append((node.step, index))
        return Node(machine: machine, view: view, step: steps.count - 1)
    }

    private func path(to step: Int) -> [String] {
        var names: [String] = []
        var step = step
        while step >= 0 {
            names.append(Action.all[steps[step].action].name)
            step = steps[step].before
        }
        return names.reversed()
    }
}
