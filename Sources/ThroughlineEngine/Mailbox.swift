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
    enum Item: Sendable {
        case work(@Sendable () -> Void)
        case receipt(WriteReceipt)
    }

    private struct State {
        var items: [Item] = []
        weak var taker: (any ReceiptTaker)?
    }

    public let loop: (any EventLoop)?
    private let state = Mutex(State())

    public init(loop: (any EventLoop)?) { self.loop = loop }

    /// Who gets the receipts of this box.
    public func setTaker(_ taker: any ReceiptTaker) { state.withLock { $0.taker = taker } }

    /// Adds an item; it is seen to after the next flush. True if the box was empty: then somebody has to see to the flush.
    func post(_ item: Item) -> Bool {
        state.withLock { state in
            state.items.append(item)
            return state.items.count == 1
        }
    }

    /// Does what waits, on the box's loop.
    func run() {
        let (items, taker) = state.withLock { state in
            defer { state.items = [] }
            return (state.items, state.taker)
        }
        for item in items {
            switch item {
            case .work(let work): work()
            case .receipt(let receipt): taker?.take(receipt)
            }
        }
        taker?.commitTaken()
    }
}

/// The mailboxes of one loop that have something: one hop brings them all there.
private struct LoopBoxes: Sendable {
    var loop: (any EventLoop)?
    var boxes: [Mailbox]
}

/// The mailboxes that have to be flushed when the commit is done.
final class Postman: Sendable {
    private let waiting = Mutex<[LoopBoxes]>([])
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

    func post(_ item: Mailbox.Item, to mailbox: Mailbox) {
        guard mailbox.post(item) else { return }
        waiting.withLock { waiting in
            if let index = waiting.firstIndex(where: { $0.loop === mailbox.loop }) {
                waiting[index].boxes.append(mailbox)
            } else {
                waiting.append(LoopBoxes(loop: mailbox.loop, boxes: [mailbox]))
            }
        }
    }

    /// Brings work to a mailbox's loop: at once if this is that loop, otherwise with the others of this commit.
    func deliver(to mailbox: Mailbox, _ work: @escaping @Sendable () -> Void) {
        if isCommitting {
            post(.work(work), to: mailbox)
        } else if let loop = mailbox.loop, !loop.inEventLoop {
            loop.execute(work)
        } else {
            work()
        }
    }

    /// Wakes the readers of each loop, there.
    func wake<Reader>(_ groups: [ReaderGroups<Reader>.Group]) {
        for group in groups {
            deliver(to: group.mailbox) { for reader in group.readers.values { reader.wake() } }
        }
    }

    func flush() {
        committer.store(0, ordering: .relaxed)
        let waiting = waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
        for group in waiting {
            let boxes = group.boxes
            guard let loop = group.loop else {
                for box in boxes { box.run() }
                continue
            }
            loop.execute { for box in boxes { box.run() } }
        }
    }
}
