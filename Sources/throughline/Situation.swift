import ThroughlineCore

/// What goes on in a session besides what was said: who answers, which agents are at work, what waits, what is asked, who is here.
struct Situation {
    let snapshot: JSONValue
    let presence: [JSONValue]

    init(_ snapshot: JSONValue, presence: [JSONValue] = []) {
        self.snapshot = snapshot
        self.presence = presence
    }

    /// Everything there is to say, under headings; nothing where nothing goes on.
    var lines: [String] {
        let requests = (snapshot["requests"]?.elements ?? []).filter { $0["state"]?.string == "open" }
        let sections: [(heading: String, lines: [String])] = [
            ("Who answers", baton),
            ("At work", runs()),
            ("Waiting", SessionQueue.waiting(in: snapshot).map(SessionQueue.line)),
            ("Asked", requests.map(SessionRequests.text)),
            ("Here", Self.people(presence)),
        ]
        return sections.filter { !$0.lines.isEmpty }.flatMap { section in
            ["", section.heading] + section.lines.map { "  " + $0.replacing("\n", with: "\n  ") }
        }
    }

    private var baton: [String] {
        guard let holder = snapshot["baton"]?["by"]?["id"]?.string else { return [] }
        return ["\(holder), a person. The agents wait."]
    }

    /// The trees of runs in which one goes on, or all of them; those below another are indented.
    func runs(all: Bool = false) -> [String] {
        let runs = snapshot["runs"]?.elements ?? []
        var below: [String: [JSONValue]] = [:]
        for run in runs { below[run["parent"]?.string ?? "", default: []].append(run) }
        func isOpen(_ run: JSONValue) -> Bool {
            ["active", "waiting", "queued"].contains(run["state"]?.string)
                || (below[run["id"]?.string ?? ""] ?? []).contains(where: isOpen)
        }
        func lines(_ run: JSONValue, _ indent: String) -> [String] {
            let below = below[run["id"]?.string ?? ""] ?? []
            return [indent + Self.line(run)] + below.flatMap { lines($0, indent + "  ") }
        }
        return (below[""] ?? []).filter { all || isOpen($0) }.flatMap { lines($0, "") }
    }

    private static func line(_ run: JSONValue) -> String {
        let id = run["id"]?.string ?? ""
        let agent = run["agent"]?.string ?? ""
        let name = run["label"]?.string.map { "\($0) (\(agent))" } ?? agent
        return "\(id)  \(name): \(state(run))"
    }

    private static func state(_ run: JSONValue) -> String {
        switch run["state"]?.string {
        case "active":
            let part = run["progress"]?["fraction"].flatMap { Double($0.compactText) }.map { "\(Int($0 * 100)) %" }
            return (["at work", part, run["progress"]?["text"]?.string].compactMap { $0 }).joined(separator: ", ")
        case "waiting":
            return run["waiting"]?.string.map { $0 == "paused" ? $0 : "waits for \($0)" } ?? "waits"
        case "queued": return "its agent went away, waits for another"
        case let state:
            let error = run["error"]?["message"]?.string ?? run["error"]?["code"]?.string
            return (state ?? "") + (error.map { ": \($0)" } ?? "")
        }
    }

    /// Each person once, with their devices; then the agents of active runs, with their health.
    static func people(_ presence: [JSONValue]) -> [String] {
        var order: [String] = []
        var devices: [String: [String]] = [:]
        var notes: [String: Set<String>] = [:]
        for one in presence where one["run"] == nil {
            let role = one["role"]?.string ?? "user"
            let name = (one["id"]?.string ?? "") + (role == "user" ? "" : ", \(role)")
            if devices[name] == nil { order.append(name) }
            devices[name, default: []] += [one["device"]?.string].compactMap { $0 }
            if one["typing"]?.boolean == true { notes[name, default: []].insert("typing") }
        }
        let agents = presence.filter { $0["run"] != nil }.map { one in
            "\(one["id"]?.string ?? ""), agent: \(one["health"]?.string == "good" ? "at work" : "has gone quiet")"
        }
        return order.map { name in
            let details = (devices[name] ?? []).joined(separator: ", ")
            let typing = notes[name]?.isEmpty == false ? ", typing" : ""
            return name + (details.isEmpty ? "" : " (\(details))") + typing
        } + agents
    }
}
