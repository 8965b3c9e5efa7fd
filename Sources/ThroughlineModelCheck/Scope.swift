import ThroughlineCore

/// Who and what there is in the explored sessions.
enum Scope {
    static let ada = Participant(id: "ada", role: .user)
    static let bob = Participant(id: "bob", role: .operator)
    static let agent = AgentName(unchecked: "bot")
    static let first = InputID(unchecked: "i1")
    static let second = InputID(unchecked: "i2")
    /// Takes the place of the first.
    static let edit = InputID(unchecked: "i1b")
    static let runs = [RunID(unchecked: "r1"), RunID(unchecked: "r2")]
    static let commands = ["c1", "c2", "c3"].map { CommandID(unchecked: $0) }
    static let requests = ["q1", "q2"].map { AgentRequestID(unchecked: $0) }
    static let time = Timestamp(milliseconds: 1_000)

    /// The token that a run has in an epoch. Who held it before knows those of the epochs before.
    static func token(_ run: RunID, epoch: UInt64) -> String { "\(run)-\(epoch)" }

    static func newSession() -> SessionMachine {
        var limits = SessionLimits()
        limits.stepsPerRun = 1
        var machine = SessionMachine(
            creating: SessionInfo(id: SessionID(unchecked: "s")), by: ada, at: time, limits: limits)
        _ = machine.drain()
        return machine
    }
}
