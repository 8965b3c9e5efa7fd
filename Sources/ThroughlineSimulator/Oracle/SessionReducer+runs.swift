/// How runs begin, go on and end.
extension SessionReducer {
    mutating func changeRun(_ event: Plain) throws(Violation) {
        guard let run = event["run"], let id = run["id"] else { throw Violation("event \(seq) is about no run") }
        try requireActive(id.text)
        try requireFamily(of: id.text)
        if let end = run["end"] { try holdBack(id.text, end) }
        try change(\.runs, id) {
            for name in ["label", "progress", "usage"] where run[name] != nil { $0[name] = run[name] }
            switch event["type"]?.text {
            case "run.waiting":
                $0["state"] = .string("waiting")
                $0["waiting"] = run["reason"]
            case "run.resumed":
                $0["state"] = .string("active")
                $0["waiting"] = nil
            default: break
            }
        }
    }

    mutating func startRun(_ event: Plain) throws(Violation) {
        guard baton == nil else { throw Violation("event \(seq) starts a run while an operator answers") }
        if let id = event["run"]?["id"]?.text, runs.byID[id] != nil { return try takeOn(event, id) }
        try add(to: \.runs, event, "run", state: "active")
        guard let run = event["run"], let id = run["id"] else { return }
        if let parent = run["parent"]?.text {
            guard isActive(run: parent) || stateOf(run: parent) == "queued", held[parent] == nil else {
                throw Violation("event \(seq) starts run \(id.text) under \(parent), which is over")
            }
        }
        try change(\.runs, id) { $0["lease"] = nil }
        for input in run["inputs"]?.elements ?? [] {
            guard inputs.byID[input.text]?["state"]?.text == "queued" else {
                throw Violation("event \(seq): run \(id.text) takes input \(input.text), which is not queued")
            }
            try change(\.inputs, input) {
                $0["state"] = .string("claimed")
                $0["run"] = id
            }
            queue.removeAll { $0 == input.text }
        }
    }

    /// A run that was lost is begun again: the same, with the next epoch.
    mutating func takeOn(_ event: Plain, _ id: String) throws(Violation) {
        guard let run = runs.byID[id], let again = event["run"], run["state"]?.text == "queued",
            again["epoch"]?.number == (run["epoch"]?.number ?? 0) + 1, again["inputs"] == run["inputs"],
            again["attempt"] == run["attempt"], again["agent"] == run["agent"]
        else { throw Violation("event \(seq) starts run \(id) again") }
        let done = steps(of: id).filter { $0["status"]?.text == "complete" }.compactMap { $0["id"] }
        try supersede(id) { step in step.map { !done.contains($0) } ?? true }
        try change(\.runs, .string(id)) {
            $0["epoch"] = again["epoch"]
            $0["accepts"] = again["accepts"]
            $0["state"] = .string("active")
            $0["notBefore"] = nil
        }
    }

    mutating func queueRun(_ event: Plain) throws(Violation) {
        guard let id = event["run"]?["id"], let run = runs.byID[id.text],
            let attempt = event["run"]?["attempt"]?.number,
            isActive(run: id.text), attempt == (run["attempt"]?.number ?? 1) + 1,
            attempt <= run["attempts"]?.number ?? 1, run["inputs"]?.elements.isEmpty == false
        else { throw Violation("event \(seq) queues a run that cannot be") }
        // The pause before the second attempt is a second, and doubles with each further one, up to half a minute.
        let pause = min(1_000 << max(0, min(attempt - 2, 10)), 30_000)
        guard event["run"]?["notBefore"]?.number == lastAt + pause else {
            throw Violation("event \(seq) lets attempt \(attempt) of run \(id.text) wait other than \(pause) ms")
        }
        try requireNothingOpen(of: id)
        lost[id.text] = epochOf(run: id.text)
        try change(\.runs, id) {
            $0["state"] = .string("queued")
            $0["waiting"] = nil
            for name in ["attempt", "notBefore"] { $0[name] = event["run"]?[name] }
        }
    }

    mutating func adoptRun(_ event: Plain) throws(Violation) {
        guard let id = event["run"]?["id"], isActive(run: id.text),
            event["run"]?["epoch"]?.number == epochOf(run: id.text) + 1
        else { throw Violation("event \(seq) adopts a run that cannot be") }
        try change(\.runs, id) { $0["epoch"] = event["run"]?["epoch"] }
    }

    mutating func endRun(_ event: Plain) throws(Violation) {
        guard let end = event["run"], let reason = end["reason"], let id = end["id"] else {
            throw Violation("event \(seq) ends no run")
        }
        guard isActive(run: id.text) || stateOf(run: id.text) == "queued" else {
            throw Violation("event \(seq) ends run \(id.text) again")
        }
        try requireRightEnd(of: id.text, end)
        try change(\.runs, id) {
            $0["state"] = reason
            $0["ended"] = event["at"]
            $0["waiting"] = nil
            $0["notBefore"] = nil
            for name in ["usage", "error"] where end[name] != nil { $0[name] = end[name] }
        }
        let answered = ["completed": "answered", "cancelled": "cancelled"][reason.text] ?? "unanswered"
        for input in runs.byID[id.text]?["inputs"]?.elements ?? [] {
            try change(\.inputs, input) { $0["state"] = .string(answered) }
        }
        try requireNothingOpen(of: id)
    }

    func requireNothingOpen(of run: Plain) throws(Violation) {
        for request in requests.all where request["run"] == run && request["state"]?.text == "open" {
            throw Violation("run \(run.text) is left, and its request \(request["id"]?.text ?? "?") is open")
        }
        for message in messages.order where messages.byID[message]?["run"] == run {
            guard messages.byID[message]?["status"]?.text != "streaming" else {
                throw Violation("run \(run.text) is left, and its message \(message) is open")
            }
        }
    }
}
