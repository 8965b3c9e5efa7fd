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
        var listener: StreamListener?
        var timer: Scheduled<Void>?
        var stopListener: Int?
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
        let listener = reading.source.listener(mailbox: mailbox) { [self] in pull() }
        let timer = service.engine.schedule(in: time) { [self] in expire() }
        let stopListener = service.stopping.listen { [self] in expire() }
        state.withLock { state in
            state.listener = listener
            state.timer = timer
            state.stopListener = stopListener
        }
        pull()
    }

    private func pull() {
        guard let listener = state.withLock({ $0.listener }) else { return }
        switch service.engine.pull(
            reading.source, after: reading.from, bytes: StreamService.chunkBytes, for: listener)
        {
        case .slice(let slice): finish(reading.reply(slice, cursor: nextCursor))
        case .atTail(let tail, let isClosed): if isClosed { finish(nothing(at: tail, isClosed: true)) }
        case .trimmed(let earliest): finish(reading.trimmed(earliest))
        case .beyond: finish(reading.beyond)
        case .gone: finish(reading.gone)
        case .stored:
            service.engine.readStored(reading.source, after: reading.from, bytes: StreamService.chunkBytes) {
                [self] result in
                switch result {
                case .success(let slice): finish(reading.reply(slice, cursor: nextCursor))
                case .failure(let refusal): finish(reading.reply(refusal))
                }
            }
        }
    }

    private func expire() {
        finish(nothing(at: reading.from, isClosed: false))
    }

    private func nothing(at tail: StreamOffset, isClosed: Bool) -> StreamReply {
        var headers = [
            (name: "stream-next-offset", value: tail.description), (name: "stream-up-to-date", value: "true"),
            (name: "cache-control", value: "no-store"),
        ]
        headers.append(isClosed ? ("stream-closed", "true") : ("stream-cursor", nextCursor))
        return StreamReply(204, headers)
    }

    private var nextCursor: String { StreamCursor.next(after: reading.cursor, now: service.engine.now) }

    private func finish(_ reply: StreamReply) {
        let over = state.withLock { state in
            defer { state = State() }
            return state
        }
        guard let completion = over.completion else { return }
        over.timer?.cancel()
        if let number = over.stopListener { service.stopping.forget(number) }
        if let listener = over.listener { service.engine.detach(listener) }
        completion(.whole(reply))
    }
}
