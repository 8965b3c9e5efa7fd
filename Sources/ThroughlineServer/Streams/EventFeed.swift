import NIOCore

/// Server-sent events that are pulled by whoever writes them, at the pace of their reader: on one loop, or by one task.
protocol EventFeed: AnyObject, Sendable {
    /// - Parameter onMore: Runs on the mailbox's loop when there may be more.
    func begin(_ onMore: @escaping @Sendable () -> Void)
    /// What comes next.
    func next() -> FeedStep
    /// What a connection ends with that has lasted long enough.
    var goodbye: ByteBuffer { get }
    func detach()
}

/// What a feed says when it is asked.
enum FeedStep {
    case events(ByteBuffer)
    /// There is nothing now: `onMore` is called when there may be.
    case wait
    /// These are the last.
    case end(ByteBuffer)
}
