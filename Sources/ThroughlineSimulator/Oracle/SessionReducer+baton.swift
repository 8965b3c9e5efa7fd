/// Who answers: the agents, or an operator.
extension SessionReducer {
    mutating func answerInput(_ event: Plain) throws(Violation) {
        guard let id = event["input"]?["id"]?.text, queue.contains(id) else {
            throw Violation("event \(seq) answers an input that is not queued")
        }
        queue.removeAll { $0 == id }
        try change(\.inputs, event["input"]?["id"]) { $0["state"] = .string("answered") }
    }

    mutating func takeBaton(_ event: Plain) throws(Violation) {
        if let holder = baton?["by"]?["id"], holder != event["by"]?["id"] {
            throw Violation("event \(seq) takes the baton from \(holder.text)")
        }
        var taken = Plain.object([:])
        for name in ["by", "seq", "at"] { taken[name] = event[name] }
        taken["limit"] = event["baton"]?["limit"]
        baton = taken
    }

    mutating func returnBaton(_ event: Plain) throws(Violation) {
        guard baton != nil else { throw Violation("event \(seq) returns the baton, which nobody has") }
        baton = nil
        if event["baton"]?["reason"]?.text == "timed_out" { batonTimeouts += 1 }
    }

    /// A command about the baton has done what it says when it is applied, and was right to be rejected.
    func checkBaton(after command: Plain) throws(Violation) {
        let holder = baton?["by"]?["id"]
        let isRight =
            switch (command["verb"]?.text, command["state"]?.text, command["reason"]?.text) {
            case ("takeover", "applied", _): holder == command["by"]?["id"]
            case ("handback", "applied", _): holder == nil
            case ("takeover", "rejected", "baton_held"): holder != nil && holder != command["by"]?["id"]
            case ("handback", "rejected", _): holder == nil
            default: true
            }
        if !isRight {
            throw Violation("event \(seq): \(command["verb"]?.text ?? "") is \(command["state"]?.text ?? "") wrongly")
        }
    }

    func requireNoBaton() throws(Violation) {
        guard let baton else { return }
        throw Violation("event \(seq) is an agent's, and \(baton["by"]?["id"]?.text ?? "an operator") answers")
    }
}
