import ThroughlineCore

/// Which inputs of a snapshot the conversation follows, and which runs with them.
struct FollowedBranch {
    /// `nil`: there is only one way.
    private let inputs: Set<String>?
    private let parents: [String: String]
    private let answered: [String: [String]]

    init(_ snapshot: JSONValue) {
        let branches = snapshot["branches"]?.elements ?? []
        inputs = branches.isEmpty ? nil : Self.path(snapshot["inputs"]?.elements ?? [], branches)
        var parents: [String: String] = [:]
        var answered: [String: [String]] = [:]
        for run in snapshot["runs"]?.elements ?? [] {
            guard let id = run["id"]?.string else { continue }
            parents[id] = run["parent"]?.string
            answered[id] = run["inputs"]?.elements.compactMap(\.string) ?? []
        }
        self.parents = parents
        self.answered = answered
    }

    func has(input: String) -> Bool { inputs?.contains(input) ?? true }

    /// By its inputs, or its parent's; one without either is on every branch.
    func has(run: String) -> Bool {
        guard let inputs else { return true }
        var run = run
        while let answered = answered[run] {
            if !answered.isEmpty { return answered.contains(where: inputs.contains) }
            guard let parent = parents[run] else { return true }
            run = parent
        }
        return true
    }

    /// From the root: an input follows the one it names, that of which it is another version, or else the one before it.
    private static func path(_ inputs: [JSONValue], _ branches: [JSONValue]) -> Set<String> {
        var passed: Set<String> = []
        for branch in branches {
            let siblings = branch["siblings"]?.elements.compactMap(\.string) ?? []
            passed.formUnion(siblings.filter { $0 != branch["selected"]?.string })
        }
        var previous: [String: String] = [:]
        var followed: Set<String> = []
        var last: String?
        var leaf: String?
        for input in inputs {
            guard let id = input["id"]?.string else { continue }
            let before = input["replaces"]?.string.map { previous[$0] } ?? (input["after"]?.string ?? last)
            previous[id] = before
            if !passed.contains(id), before.map(followed.contains) ?? true {
                followed.insert(id)
                leaf = id
            }
            last = id
        }
        var path: Set<String> = []
        while let id = leaf {
            path.insert(id)
            leaf = previous[id]
        }
        return path
    }
}
