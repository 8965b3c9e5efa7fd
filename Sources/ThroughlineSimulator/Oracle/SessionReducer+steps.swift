/// What is done again, and what is then not said any longer.
extension SessionReducer {
    func steps(of run: String) -> [Plain] { runs.byID[run]?["steps"]?.elements ?? [] }

    mutating func startStep(_ event: Plain) throws(Violation) -> (run: String, what: String)? {
        guard var step = event["step"], let run = step["run"]?.text, let id = step["id"] else {
            throw Violation("event \(seq) starts no step")
        }
        try requireActive(run)
        try requireFamily(of: run)
        step["run"] = nil
        step["status"] = .string("streaming")
        var steps = steps(of: run)
        if let place = steps.firstIndex(where: { $0["id"] == id }) {
            guard step["attempt"]?.number ?? 0 > steps[place]["attempt"]?.number ?? 0 else {
                throw Violation("event \(seq) starts step \(id.text) of run \(run) again as the same attempt")
            }
            steps[place] = step
            for request in requests.all where request["run"]?.text == run && request["step"] == id {
                guard request["state"]?.text != "open" else {
                    throw Violation("event \(seq) starts step \(id.text) of run \(run) again, and its request is open")
                }
            }
            try supersede(run) { $0 == id }
        } else {
            steps.append(step)
        }
        try change(\.runs, .string(run)) { $0["steps"] = .array(steps) }
        return (run, "step \(id.text)")
    }

    mutating func endStep(_ event: Plain) throws(Violation) -> (run: String, what: String)? {
        guard let run = event["step"]?["run"]?.text, let id = event["step"]?["id"],
            let status = event["step"]?["status"]
        else { throw Violation("event \(seq) ends no step") }
        try requireActive(run)
        var steps = steps(of: run)
        guard let place = steps.firstIndex(where: { $0["id"] == id && $0["status"]?.text == "streaming" }) else {
            throw Violation("event \(seq) ends step \(id.text) of run \(run), which is not open")
        }
        steps[place]["status"] = status
        try change(\.runs, .string(run)) { $0["steps"] = .array(steps) }
        return status.text == "complete" ? (run, "end step \(id.text)") : nil
    }

    mutating func supersede(_ run: String, _ matches: (Plain?) -> Bool) throws(Violation) {
        for id in messages.order where messages.byID[id]?["run"]?.text == run && matches(messages.byID[id]?["step"]) {
            guard messages.byID[id]?["status"]?.text != "streaming" else {
                throw Violation("event \(seq) supersedes message \(id), which is open")
            }
            messages.byID[id]?["superseded"] = .other("true")
        }
    }
}
