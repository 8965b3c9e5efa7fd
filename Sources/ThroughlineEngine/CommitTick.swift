public import NIOCore
import Synchronization
import ThroughlineCore

/// Lets the appends that one event loop took in one round be committed together, at the end of that round.
///
/// `@unchecked Sendable`: used on its loop only.
public final class CommitTick: @unchecked Sendable {
    private let loop: any EventLoop
    private let store: any LogStore
    private var isRequested = false

    init(_ loop: any EventLoop, store: any LogStore) {
        self.loop = loop
        self.store = store
    }

    /// There are appends whose commit is to be seen to.
    public func request() {
        guard !isRequested else { return }
        isRequested = true
        loop.execute { [self] in
            isRequested = false
            store.commitDeferred()
        }
    }
}

/// One for each loop.
final class CommitTicks: Sendable {
    private let ticks = Mutex<[ObjectIdentifier: CommitTick]>([:])

    func tick(on loop: any EventLoop, store: any LogStore) -> CommitTick {
        ticks.withLock { ticks in
            if let tick = ticks[ObjectIdentifier(loop)] { return tick }
            let tick = CommitTick(loop, store: store)
            ticks[ObjectIdentifier(loop)] = tick
            return tick
        }
    }
}

extension Engine {
    /// What a connection on this loop asks for a commit.
    public func commitTick(on loop: any EventLoop) -> CommitTick { ticks.tick(on: loop, store: store) }
}
