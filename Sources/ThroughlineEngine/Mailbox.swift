public import NIOCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Carries work from the store's thread to one event loop: a batch for each commit, with one hop.
///
/// A mailbox without a loop runs its work where it is flushed; that is for readers which only resume a task.
public final class Mailbox: Sendable {
    private struct State {
        var work: [@Sendable () -> Void] = []
    }

    public let loop: (any EventLoop)?
    private let state = Mutex(State())

    public init(loop: (any EventLoop)?) { self.loop = loop }

    /// Adds work; it runs after the next ``flush()``. True if the box was empty: then somebody has to see to the flush.
    func post(_ work: @escaping @Sendable () -> Void) -> Bool {
        state.withLock { state in
            state.work.append(work)
            return state.work.count == 1
        }
    }

    func flush() {
        guard let loop else { return run() }
        loop.execute { self.run() }
    }

    private func run() {
        let work = state.withLock { state in
            defer { state.work = [] }
            return state.work
        }
        for item in work { item() }
    }
}

/// The mailboxes that have to be flushed when the commit is done.
final class Postman: Sendable {
    private let waiting = Mutex<[Mailbox]>([])
    /// The thread that is running the completions of a commit; 0 for none.
    private let committer = Atomic<UInt>(0)

    /// Whether this thread is in the middle of a commit's completions.
    var isCommitting: Bool { committer.load(ordering: .relaxed) == Self.thisThread }

    /// Says that this thread runs the completions of a commit, until ``flush()``.
    func beginCommit() { committer.store(Self.thisThread, ordering: .relaxed) }

    private static var thisThread: UInt {
        #if canImport(Glibc)
            UInt(pthread_self())
        #else
            UInt(bitPattern: pthread_self())
        #endif
    }

    func post(to mailbox: Mailbox, _ work: @escaping @Sendable () -> Void) {
        if mailbox.post(work) { waiting.withLock { $0.append(mailbox) } }
    }

    func flush() {
        committer.store(0, ordering: .relaxed)
        let mailboxes = waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
        for mailbox in mailboxes { mailbox.flush() }
    }
}
