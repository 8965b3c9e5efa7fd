import NIOCore
import ThroughlineCore

/// Writes a stream's events to a connection in chunks, as fast as the socket takes them.
///
/// `@unchecked Sendable`: used on the connection's loop only.
final class StreamPump: @unchecked Sendable {
    private let feed: any EventFeed
    private weak var channel: (any Channel)?
    private let plain: PlainWriter
    private let limits: TransportLimits
    private let onEnd: () -> Void
    private var timers: [Scheduled<Void>] = []
    private var lastWrite = NIODeadline.now()
    private var isOver = false

    /// - Parameter onEnd: Runs when the last chunk has been written.
    init(
        _ feed: any EventFeed, on channel: any Channel, plain: PlainWriter, limits: TransportLimits,
        onEnd: @escaping () -> Void
    ) {
        self.feed = feed
        self.channel = channel
        self.plain = plain
        self.limits = limits
        self.onEnd = onEnd
        feed.begin { [weak self] in self?.run() }
        timers.append(channel.eventLoop.scheduleTask(in: limits.feedTime) { [weak self] in self?.finish() })
        keepAlive(on: channel.eventLoop)
    }

    /// Writes what there is.
    func run() {
        guard !isOver, let channel else { return }
        var hasWritten = false
        loop: while channel.isWritable {
            switch feed.next() {
            case .events(let bytes):
                write(bytes)
                hasWritten = true
            case .wait: break loop
            case .end(let bytes):
                write(bytes)
                return close()
            }
        }
        if hasWritten || !channel.isWritable { plain.flush() }
    }

    /// Ends the events: the reader is to come back.
    func finish() {
        guard !isOver else { return }
        write(feed.goodbye)
        close()
    }

    /// The connection is no more.
    func stop() {
        isOver = true
        for timer in timers { timer.cancel() }
        timers = []
        feed.detach()
    }

    private func close() {
        stop()
        plain.writeAndFlush(ByteBuffer(staticString: "0\r\n\r\n"))
        onEnd()
    }

    private func write(_ bytes: ByteBuffer) {
        // A chunk without bytes would be the last one.
        guard bytes.readableBytes > 0 else { return }
        lastWrite = .now()
        plain.write(ByteBuffer(string: String(bytes.readableBytes, radix: 16) + "\r\n"))
        plain.write(bytes)
        plain.write(ByteBuffer(staticString: "\r\n"))
    }

    /// When to look next whether a comment has to be written. Never in the past, however long a reader takes nothing: with a task
    /// that makes another one that is due, a loop does nothing else.
    static func due(after lastWrite: NIODeadline, every pause: TimeAmount, now: NIODeadline) -> NIODeadline {
        max(lastWrite + pause, now + .seconds(1))
    }

    private func keepAlive(on loop: any EventLoop) {
        let due = Self.due(after: lastWrite, every: limits.keepAlive, now: .now())
        let timer = loop.scheduleTask(deadline: due) { [weak self] in
            guard let self, !self.isOver else { return }
            if self.lastWrite + self.limits.keepAlive <= .now(), self.channel?.isWritable == true {
                self.write(StreamEvents.keepAlive)
                self.plain.flush()
            }
            self.timers.removeLast()
            self.keepAlive(on: loop)
        }
        timers.append(timer)
    }
}
