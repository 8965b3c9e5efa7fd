/// What a new input does while a run of its queue is active.
public enum FollowUp: String, Sendable, CaseIterable {
    /// It waits for its turn.
    case queue
    /// It waits, and goes to the same run as the input before it in the queue.
    case merge
    /// It waits, and those that waited before it are withdrawn.
    case latest
    /// It stops the run and is the next.
    case interrupt
    /// It is offered to the run; one that does not take it in leaves it to the queue.
    case steer
    /// It is refused.
    case reject
    /// It is handed out at once.
    case concurrent
}

/// What a session does by itself.
public struct SessionPolicies: Hashable, Sendable {
    /// For inputs that do not say it themselves.
    public var followUp: FollowUp

    public init(followUp: FollowUp = .queue) { self.followUp = followUp }

    /// A change of some of them. `nil` leaves.
    public struct Patch: Hashable, Sendable {
        public var followUp: FollowUp?

        public init(followUp: FollowUp? = nil) { self.followUp = followUp }
    }

    public func changed(by patch: Patch) -> SessionPolicies {
        var changed = self
        if let followUp = patch.followUp { changed.followUp = followUp }
        return changed
    }
}

extension SessionPolicies {
    func write(to writer: inout JSONWriter) {
        writer.object { $0.field("followUp", followUp.rawValue) }
    }

    /// What is absent or unknown is as it always was.
    init(stored value: JSONValue?) {
        self.init(followUp: value?["followUp"]?.string.flatMap(FollowUp.init) ?? .queue)
    }
}

extension SessionPolicies: StateCodable {
    func write(to writer: inout StateWriter) { writer.text(followUp.rawValue) }

    init(from reader: inout StateReader) throws(StateError) { self.init(followUp: try reader.name()) }
}
