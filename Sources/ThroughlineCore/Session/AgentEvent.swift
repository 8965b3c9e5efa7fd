/// What an agent may write. Number, time, author and run are the server's.
public enum AgentEvent: Hashable, Sendable {
    case messageStarted(
        id: MessageID, role: MessageRole = .assistant, parent: MessageID? = nil, audience: Audience = .everyone)
    case messageEnded(id: MessageID, status: PieceStatus = .complete)
    case partStarted(id: PartID, message: MessageID, head: PartHead)
    case partAppended(id: PartID, offset: Int, text: [UInt8])
    case partEnded(id: PartID, status: PieceStatus = .complete)
    indirect case requestOpened(RequestDraft)
}
