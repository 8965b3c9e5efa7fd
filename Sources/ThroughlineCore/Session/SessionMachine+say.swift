/// The ids of a message that is said at once, and of its parts, minted by the shell.
public struct MessageNames: Hashable, Sendable {
    public var message: MessageID
    public var parts: [PartID]

    public init(message: MessageID, parts: [PartID]) {
        self.message = message
        self.parts = parts
    }
}

extension SessionMachine {
    public func message(_ id: MessageID) -> Message? { messages[id] }

    /// An operator says something, to everyone or to fewer. False if it was said before.
    ///
    /// - Parameter answers: Inputs that are answered by it, and that no agent need take.
    public mutating func say(
        _ parts: [InputPart], as names: MessageNames, audience: Audience, parent: MessageID?, answers: [InputID],
        by: Participant, at: Timestamp
    ) throws(Refusal) -> Bool {
        if let known = messages[names.message] {
            guard known.run == nil, known.by.id == by.id else {
                throw Refusal(.idTaken, "There is a message \(names.message) already. Use another id.")
            }
            return false
        }
        try requireOpen()
        if let parent, messages[parent] == nil {
            throw Refusal(.messageNotFound, "There is no message \(parent) to be the parent.")
        }
        for id in answers {
            guard let input = inputs[id] else { throw Refusal(.inputNotFound, "The session has no input \(id).") }
            guard input.state == .queued else {
                throw Refusal(.inputNotQueued, "The input \(id) is \(input.state.rawValue).")
            }
        }
        say(parts, as: names, audience: audience, parent: parent, by: by, at: at)
        for id in answers { emit(.inputAnswered(id: id, message: names.message), by: by, at: at) }
        return true
    }

    mutating func say(
        _ parts: [InputPart], as names: MessageNames, audience: Audience, parent: MessageID?, by: Participant,
        at: Timestamp
    ) {
        emit(
            .messageStarted(id: names.message, run: nil, role: .operator, parent: parent, audience: audience), by: by,
            at: at)
        for (id, part) in zip(names.parts, parts) {
            emit(.partStarted(id: id, message: names.message, head: part.head), by: by, at: at)
            if !part.text.isEmpty { emit(.partAppended(id: id, run: nil, offset: 0, text: part.text), by: nil, at: at) }
            emit(.partEnded(id: id, status: .complete), by: by, at: at)
        }
        emit(.messageEnded(id: names.message, status: .complete), by: by, at: at)
    }
}
