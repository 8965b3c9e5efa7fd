/// What a run may take. Beyond it the run ends as failed, with the code `budget_exceeded`.
public struct RunBudget: Hashable, Sendable {
    /// From the start of the run, whatever it waits for.
    public var seconds: Int64?
    public var tokens: Int64?
    /// In whatever money the agent reckons its usage.
    public var cost: Double?
    /// The budget as it was given: compact JSON.
    public let json: [UInt8]

    /// `nil` unless it is an object of at least one of `seconds` (1 to 604,800), `tokens` and `cost`, all above zero.
    public init?(_ value: JSONValue) {
        guard value.kind == .object, value.count > 0,
            value.members.allSatisfy({ ["seconds", "tokens", "cost"].contains($0.name) })
        else { return nil }
        seconds = value["seconds"]?.integer
        tokens = value["tokens"]?.integer
        cost = value["cost"]?.number
        guard value["seconds"] == nil || seconds.map({ (1...604_800).contains($0) }) == true,
            value["tokens"] == nil || tokens.map({ $0 > 0 }) == true,
            value["cost"] == nil || cost.map({ $0 > 0 }) == true
        else { return nil }
        json = value.compact
    }

    init?(stored bytes: [UInt8]) {
        guard let value = try? JSONDocument.parse(bytes) else { return nil }
        self.init(value)
    }

    /// What of it a usage so far is beyond; `nil` where it is within.
    public func breach(by usage: JSONValue) -> String? {
        if let tokens, let used = Self.tokens(in: usage), used > tokens { return "tokens" }
        if let cost, let used = usage["cost"]?.number, used > cost { return "cost" }
        return nil
    }

    /// `tokens`, or what models' servers call it.
    private static func tokens(in usage: JSONValue) -> Int64? {
        if let tokens = usage["tokens"]?.integer ?? usage["total_tokens"]?.integer { return tokens }
        let pieces = [
            usage["input_tokens"] ?? usage["prompt_tokens"], usage["output_tokens"] ?? usage["completion_tokens"],
        ].compactMap { $0?.integer }
        return pieces.isEmpty ? nil : pieces.reduce(0) { $0.addingReportingOverflow(max(0, $1)).partialValue }
    }
}

extension SessionMachine {
    /// An agent says what its run has used so far. A run beyond its budget ends, and its agent is told by the refusal.
    public mutating func spend(_ id: RunID, token: String, usage: [UInt8], at: Timestamp) throws(Refusal) {
        let run = try holder(of: id, token: token)
        try requireActive(run, at: at)
        if run.usage != usage { emit(.runUpdated(.init(id: id, usage: usage)), by: .agent(run.agent), at: at) }
        endIfOverBudget(id, at: at)
        if let over = runs[id], over.state.isOver { throw ended(over) }
    }

    /// Ends a run whose agent has said that it used more than it may.
    mutating func endIfOverBudget(_ id: RunID, at: Timestamp) {
        guard let run = runs[id], run.isHeldByAgent, let usage = run.usage,
            let value = try? JSONDocument.parse(usage), let what = run.budget?.breach(by: value)
        else { return }
        exceed(run, what, at: at)
    }

    /// The seconds of a run are over.
    mutating func budgetIsDue(of id: RunID, at: Timestamp) {
        guard let run = runs[id], !run.state.isOver else { return }
        exceed(run, "seconds", at: at)
    }

    private mutating func exceed(_ run: Run, _ what: String, at: Timestamp) {
        let error = RunError(code: Refusal.Code.budgetExceeded.rawValue, message: "It used more \(what) than it may.")
        finish(run, as: .failed, usage: run.usage, error: error, by: .server, at: at)
    }

    mutating func setBudgetTimer(of id: RunID, _ budget: RunBudget?, at: Timestamp) {
        guard let seconds = budget?.seconds else { return }
        timers.set(.budget(id), at: Timestamp(milliseconds: at.rawValue + seconds * 1_000))
    }
}

extension RunBudget {
    init(from reader: inout StateReader) throws(StateError) {
        guard let budget = RunBudget(stored: try reader.text()) else { throw StateError() }
        self = budget
    }
}
