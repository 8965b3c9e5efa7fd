import NIOCore
import Synchronization
import ThroughlineCore
import ThroughlineEngine

/// A long-poll: answers once, with what there is, or when there is something, or when its time is up.
final class StreamPoll: Sendable {
    private let service: StreamService
    private let reading: StreamReading
    private let mailbox: Mailbox
    private let state: Mutex<State>

    private struct State {
        var completion: StreamService.Completion?
        var subscription: StreamSubscription?
        var timer: Scheduled<Void>?
        var listener: Int?
    }

    init(
        _ service: StreamService, _ reading: StreamReading, _ mailbox: Mailbox,
        _ completion: @escaping StreamService.Completion
    ) {
        self.service = service
        self.reading = reading
        self.mailbox = mailbox
        state = Mutex(State(completion: completion))
    }

    func begin(waiting time: TimeAmount) {
        // It lives for as long as it is subscribed and its timer runs.
        let subscription = StreamSubscription(reading.stream, mailbox: mailbox) { [self] in pull() }
        let timer = service.engine.schedule(in: time) { [self] in expire() }
        let listener = service.stopping.listen { [self] in expire() }
        state.withLock { state in
            state.subscription = subscription
            state.timer = timer
            state.listener = listener
        }
        pull()
    }

    private func pull() {
        guard let subscription = state.withLock({ $0.subscription }) else { return }
        let streams = service.streams
        switch streams.pull(
            reading.stream, after: reading.from, bytes: StreamService.chunkBytes, for: subscription)
        {
        case .slice(let slice): finish(reading.reply(slice, cursor: nextCursor))
        case .atTail(let tail, let isClosed): if isClosed { finish(nothing(at: tail, isClosed: true)) }
        case .beyond: finish(reading.beyond)
        case .gone: finish(reading.gone)
        case .stored:
            streams.readStored(reading.stream, after: reading.from, bytes: StreamService.chunkBytes) { [self] result in
                switch result {
                case .success(let slice): finish(reading.reply(slice, cursor: nextCursor))
                case .failure(let refusal): finish(StreamReply(refusal))
                }
            }
        }
    }

    private func expire() {
        let standing = reading.stream.status
        finish(nothing(at: standing.tail, isClosed: standing.isClosed && reading.from == standing.tail))
    }

    private func nothing(at tail: StreamOffset, isClosed: Bool) -> StreamReply {
        var headers = [
            (name: "stream-next-offset", value: reading.from.description), (name: "stream-up-to-date", value: "true"),
            (name: "cache-control", value: "no-store"),
        ]
        headers.append(isClosed ? ("stream-closed", "true") : ("stream-cursor", nextCursor))
        return StreamReply(204, headers)
    }

    private var nextCursor: String { StreamCursor.next(after: reading.cursor, now: service.engine.now) }

    private func finish(_ reply: StreamReply) {
        let (completion, subscription, timer, listener) = state.withLock { state in
            defer { state = State() }
            return (state.completion, state.subscription, state.timer, state.listener)
        }
        guard let completion else { return }
        timer?.cancel()
        if let listener { service.stopping.forget(listener) }
        if let subscription { service.streams.detach(subscription) }
        completion(.whole(reply))
    }
}
