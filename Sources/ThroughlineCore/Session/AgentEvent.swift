/// What an agent may write. Number, time, author and run are the server's.
public enum AgentEvent: Hashable, Sendable {
    case messageStarted(
        id: MessageID, role: MessageRole = .assistant, parent: MessageID? = nil, step: StepID? = nil,
        audience: Audience = .everyone)
    case messageEnded(id: MessageID, status: PieceStatus = .complete)
    case partStarted(id: PartID, message: MessageID, head: PartHead)
    case partAppended(id: PartID, offset: Int, text: [UInt8])
    case partEnded(id: PartID, status: PieceStatus = .complete)
    /// `attempt`: `nil` for the next.
    case stepStarted(id: StepID, attempt: Int? = nil, label: String? = nil)
    case stepEnded(id: StepID, status: PieceStatus = .complete)
    indirect case requestOpened(RequestDraft)
    /// The agent no longer needs an answer.
    case requestWithdrawn(id: AgentRequestID)
    /// What is given replaces what was before. `usage`: what the run has used so far, in all.
    case runUpdated(label: String? = nil, progress: [UInt8]? = nil, usage: [UInt8]? = nil)
    case runWaiting(reason: String)
    case runResumed
    /// The run has carried a command out.
    case commandApplied(id: CommandID)
    /// The run takes a steer in with a later step.
    case commandDeferred(id: CommandID)
}
