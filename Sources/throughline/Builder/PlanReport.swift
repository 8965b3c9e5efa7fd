import ThroughlineBuilder

/// Shows what a command did, or would do.
enum PlanReport {
    /// One line for each file.
    static func list(_ plan: Plan) {
        for change in plan.changes where change.before != change.after {
            Terminal.print(
                "   \(Terminal.paint(padded(change.action.rawValue), color(of: change.action)))  \(change.path)")
        }
        if plan.isEmpty { Terminal.print("Nothing to change.") }
    }

    /// The whole difference.
    static func diff(_ plan: Plan) {
        for change in plan.changes {
            let diff = LineDiff.unified(from: change.before ?? "", to: change.after ?? "", path: change.path)
            for line in diff.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
                Terminal.print(Terminal.paint(String(line), color(of: line)))
            }
        }
        if plan.isEmpty { Terminal.print("Nothing to change.") }
    }

    /// The endpoints of resources.
    static func endpoints(_ resources: [Resource]) {
        let width = resources.map(\.path.count).max() ?? 0
        for resource in resources {
            for (verb, suffix, handler) in [
                ("GET", "", "list"), ("GET", "/{id}", "get"), ("POST", "", "create"), ("PATCH", "/{id}", "update"),
                ("DELETE", "/{id}", "remove"),
            ] {
                let path = "/\(resource.path)\(suffix)"
                let space = String(repeating: " ", count: max(0, width + 8 - path.count))
                Terminal.print("   \(padded(verb)) \(path)\(space)\(resource.plural.camel).\(handler)")
            }
        }
    }

    private static func padded(_ text: String) -> String {
        text + String(repeating: " ", count: max(0, 8 - text.count))
    }

    private static func color(of action: Plan.Action) -> Terminal.Color {
        switch action {
        case .create: .green
        case .update, .merge: .yellow
        case .conflict, .delete: .red
        }
    }

    private static func color(of line: Substring) -> Terminal.Color {
        switch line.first {
        case "+": .green
        case "-": .red
        case "@": .cyan
        default: .plain
        }
    }
}
