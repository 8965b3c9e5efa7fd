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

/// What becomes of a run that nobody watches any more.
public enum OrphanPolicy: Hashable, Sendable {
    case goOn
    /// It is cancelled when nobody has watched for so long.
    case cancel(afterMilliseconds: Int64)
}

/// What a session does by itself.
public struct SessionPolicies: Hashable, Sendable {
    /// For inputs that do not say it themselves.
    public var followUp: FollowUp
    public var orphan: OrphanPolicy

    public init(followUp: FollowUp = .queue, orphan: OrphanPolicy = .goOn) {
        self.followUp = followUp
        self.orphan = orphan
    }

    /// A change of some of them. `nil` leaves.
    public struct Patch: Hashable, Sendable {
        public var followUp: FollowUp?
        public var orphan: OrphanPolicy?

        public init(followUp: FollowUp? = nil, orphan: OrphanPolicy? = nil) {
            self.followUp = followUp
            self.orphan = orphan
        }
    }

    public func changed(by patch: Patch) -> SessionPolicies {
        var changed = self
        if let followUp = patch.followUp { changed.followUp = followUp }
        if let orphan = patch.orphan { changed.orphan = orphan }
        return changed
    }
}

extension SessionPolicies {
    func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("followUp", followUp.rawValue)
            guard case .cancel(let milliseconds) = orphan else { return }
            $0.key("orphan")
            $0.object {
                $0.field("after", milliseconds)
                $0.field("then", OrphanPolicy.cancelName)
            }
        }
    }

    /// What is absent or unknown is as it always was.
    init(stored value: JSONValue?) {
        self.init(
            followUp: value?["followUp"]?.string.flatMap(FollowUp.init) ?? .queue,
            orphan: OrphanPolicy(stored: value?["orphan"]))
    }
}

extension OrphanPolicy {
    static let cancelName = "cancel"

    fileprivate init(stored value: JSONValue?) {
        if value?["then"]?.string == Self.cancelName, let milliseconds = value?["after"]?.integer {
            self = .cancel(afterMilliseconds: milliseconds)
        } else {
            self = .goOn
        }
    }
}

extension SessionPolicies: StateCodable {
    func write(to writer: inout StateWriter) {
        writer.text(followUp.rawValue)
        if case .cancel(let milliseconds) = orphan {
            writer.number(UInt64(bitPattern: milliseconds))
        } else {
            writer.number(0)
        }
    }

    init(from reader: inout StateReader) throws(StateError) {
        self.init(followUp: try reader.name())
        let milliseconds = Int64(bitPattern: try reader.number())
        if milliseconds != 0 { orphan = .cancel(afterMilliseconds: milliseconds) }
    }
}
