import ThroughlineCore

extension LivePrinter {
    /// What people and agents do with each other, as one line; `nil` for all else.
    ///
    /// - Parameter verb: What the command of this event is.
    static func control(_ event: JSONValue, verb: String?) -> String? {
        let by = event["by"]?["id"]?.string ?? "somebody"
        return switch event["type"]?.string {
        case "input.withdrawn": event["input"].map { "> withdrawn: \(text($0["id"]))\(because($0))" }
        case "command.requested", "command.applied", "command.rejected", "command.expired":
            event["command"].flatMap { command(event, $0, verb: verb ?? "command", by: by) }
        case "request.opened": event["request"].map { "? \(by) asks (\(text($0["id"]))): \(text($0["prompt"]))" }
        case "request.resolved":
            event["request"].map { "? \(by) answered \(text($0["id"])): \($0["answer"]?["value"]?.compactText ?? "")" }
        case "request.expired": event["request"].map { "? nobody answered \(text($0["id"])) in time" }
        case "request.withdrawn": event["request"].map { "? \(text($0["id"])) is no longer asked" }
        case "baton.taken": "! \(by), a person, answers now; the agents wait"
        case "baton.returned": "! the agents answer again"
        case "branch.switched": event["branch"].map { "! \(by) turned to the branch of \(text($0["input"]))" }
        case "run.queued": "! an agent went away; its run waits for another"
        default: nil
        }
    }

    /// What is told by other events, a stop's ends and who answers, is not told twice.
    private static func command(_ event: JSONValue, _ command: JSONValue, verb: String, by: String) -> String? {
        let isOfBaton = verb == "takeover" || verb == "handback"
        switch event["type"]?.string {
        case "command.requested":
            let words = (command["parts"]?.elements ?? []).compactMap { $0["text"]?.string }.joined(separator: " ")
            return isOfBaton ? nil : "! \(by): \(verb)" + (words.isEmpty ? "" : " “\(words)”")
        case "command.applied": return isOfBaton || verb == "cancel" ? nil : "! \(verb): the agent has done so"
        default: return "! \(verb): not possible\(because(command))"
        }
    }

    private static func because(_ value: JSONValue) -> String {
        value["reason"]?.string.map { ", \(RunCommand.words(for: $0))" } ?? ""
    }

    private static func text(_ value: JSONValue?) -> String { value?.string ?? "" }
}
