import NIOCore
import Synchronization
public import ThroughlineCore

/// A reader of one session: a position, and a way to be woken when there is more behind it.
///
/// The reader pulls: it asks the engine for what follows its position, and when there is nothing, waits to be woken.
public final class Subscription: WakingReader {
    public let session: SessionID
    let mailbox: Mailbox
    let wake: @Sendable () -> Void
    /// Who reads, as the attachment said.
    private let reader = Mutex(Participant.anonymous)
    /// The rank of the audience that the reader is in.
    private let rank = Atomic(Audience.everyone.rank)

    var clearance: Audience { Audience(rank: rank.load(ordering: .relaxed)) }
    var participant: Participant { reader.withLock { $0 } }

    func setReader(_ participant: Participant) {
        reader.withLock { $0 = participant }
        rank.store(participant.clearance.rank, ordering: .relaxed)
    }

    /// - Parameter wake: Runs on the mailbox's loop after commits that brought something. Spurious calls are possible.
    public init(session: SessionID, mailbox: Mailbox, wake: @escaping @Sendable () -> Void) {
        self.session = session
        self.mailbox = mailbox
        self.wake = wake
    }
}

/// What a reader finds behind its position.
public enum Pulled: Sendable {
    case slice(EventSlice)
    /// Nothing yet; the subscription will be woken.
    case upToDate
    /// It has left memory: ask ``Engine/readStored(_:after:then:)``.
    case stored
    case refused(Refusal)
}
