/// What agents ask people, and what comes of it.
extension SessionReducer {
    mutating func openRequest(_ event: Plain) throws(Violation) -> (run: String, what: String)? {
        let id = event["request"]?["id"]?.text ?? ""
        let run = event["request"]?["run"]?.text ?? ""
        try requireActive(run)
        try requireNoBaton()
        try requireFamily(of: run)
        if let known = requests.byID[id] {
            guard known["state"]?.text == "open" else {
                throw Violation("event \(seq) opens request \(id) after its end")
            }
            try change(\.requests, event["request"]?["id"]) {
                $0 = event["request"] ?? .object([:])
                for name in ["seq", "at", "by", "state"] { $0[name] = known[name] }
            }
        } else {
            try add(to: \.requests, event, "request", state: "open")
            openRequests.append(id)
        }
        guard let deadline = event["request"]?["deadline"]?.number, deadline > lastAt else {
            throw Violation("event \(seq) opens request \(id) without a deadline")
        }
        return (run, "request \(id)")
    }

    /// A request has one end, and none before its deadline but by an answer or with its run.
    mutating func settleRequest(_ event: Plain) throws(Violation) {
        let id = event["request"]?["id"]
        guard let request = requests.byID[id?.text ?? ""], request["state"]?.text == "open" else {
            throw Violation("event \(seq) ends request \(id?.text ?? "?") again")
        }
        let state = event["type"]?.text.split(separator: ".").last.map(String.init) ?? ""
        if state == "expired", lastAt < request["deadline"]?.number ?? 0 {
            throw Violation("event \(seq) ends request \(id?.text ?? "?") before its deadline")
        }
        openRequests.removeAll { $0 == id?.text }
        try change(\.requests, id) {
            $0["state"] = .string(state)
            if var answer = event["request"]?["answer"] {
                answer["by"] = event["by"]
                answer["at"] = event["at"]
                $0["answer"] = answer
            }
            if let reason = event["request"]?["reason"] { $0["reason"] = reason }
        }
    }
}
