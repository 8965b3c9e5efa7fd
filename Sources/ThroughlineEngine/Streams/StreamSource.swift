import Synchronization
public import ThroughlineCore

/// What can be read as a durable stream: one of those, or a session, whose events are the messages of a JSON stream.
///
/// A session's stream is never closed: a closed session takes no inputs, but its agents may still write, and its title may change.
public enum StreamSource: Sendable {
    case durable(DurableStream)
    case session(SessionID, Participant)

    /// Where the messages begin that can still be read.
    public var earliest: StreamOffset {
        if case .durable(let stream) = self { stream.earliest } else { .start }
    }

    /// A reader of it, woken when there is more.
    public func listener(mailbox: Mailbox, wake: @escaping @Sendable () -> Void) -> StreamListener {
        switch self {
        case .durable(let stream): return .durable(StreamReader(stream, mailbox: mailbox, wake: wake))
        case .session(let session, let participant):
            let subscription = Subscription(session: session, mailbox: mailbox, wake: wake)
            subscription.setReader(participant)
            return .session(subscription)
        }
    }
}

/// A reader of a ``StreamSource``.
public enum StreamListener: Sendable {
    case durable(StreamReader)
    case session(Subscription)
}

extension Engine {
    /// Finds a session as a stream, and how it stands.
    public func findStream(
        of session: SessionID, by participant: Participant,
        then completion: @escaping @Sendable (Result<StreamStanding, Refusal>) -> Void
    ) {
        do throws(Refusal) {
            try Access.require(.read, of: participant)
        } catch { return completion(.failure(error)) }
        decide(on: session) { state in
            let path = StreamPath(unchecked: "sessions/" + session.value)
            let settings = StreamSettings(contentType: "application/json")
            return StreamStanding(
                summary: StreamSummary(path: path, settings: settings, created: state.machine.summary.created),
                tail: StreamOffset(state.machine.tail.rawValue), id: StreamID(session))
        } then: {
            completion($0)
        }
    }

    /// See ``StreamEngine/pull(_:after:bytes:for:)``.
    public func pull(
        _ source: StreamSource, after position: StreamOffset, bytes: Int, for listener: StreamListener?
    ) -> StreamPulled {
        switch (source, listener) {
        case (.durable(let stream), .durable(let subscription)):
            streams.pull(stream, after: position, bytes: bytes, for: subscription)
        case (.durable(let stream), _): streams.pull(stream, after: position, bytes: bytes)
        case (.session(let session, _), .session(let subscription)):
            pull(session, after: SequenceNumber(position.position), for: subscription)
        case (.session(let session, _), _): pull(session, after: SequenceNumber(position.position), for: nil)
        }
    }

    /// Where a session's reader is. What there is for it is always read from the store: a stream's messages are never merged.
    private func pull(_ session: SessionID, after position: SequenceNumber, for reader: Subscription?) -> StreamPulled {
        let pulled: StreamPulled? = directory.live(session).flatMap { live in
            live.state.withLock { state in
                if state.retirement != nil { return nil }
                if position > state.durable { return .beyond }
                if position < state.durable { return .stored }
                if let reader { state.readers.insert(reader) }
                return .atTail(StreamOffset(state.durable.rawValue), isClosed: false)
            }
        }
        if let pulled { return pulled }
        guard let reader else { return .stored }
        switch reattach(reader) {
        case .refused: return .gone
        default: return .atTail(StreamOffset(position.rawValue), isClosed: false)
        }
    }

    /// See ``StreamEngine/readStored(_:after:bytes:then:)``.
    public func readStored(
        _ source: StreamSource, after position: StreamOffset, bytes: Int,
        then completion: @escaping @Sendable (Result<StreamSlice, Refusal>) -> Void
    ) {
        switch source {
        case .durable(let stream): streams.readStored(stream, after: position, bytes: bytes, then: completion)
        case .session(let session, let participant):
            let after = SequenceNumber(position.position)
            readEvents(
                of: session, after: after, limit: ReadLimit(bytes: bytes), for: participant.clearance
            ) { [self] result in
                completion(
                    result.map { events in
                        let last = events.last?.sequence ?? after
                        let tail = directory.live(session)?.tail ?? last
                        var body = StreamBody(.json, largest: events.reduce(2) { $0 + $1.bytes.count + 1 })
                        for event in events { body.add(event) }
                        return StreamSlice(
                            after: position, last: StreamOffset(last.rawValue), body: body.finish(),
                            isAtTail: last >= tail, isClosed: false)
                    })
            }
        }
    }

    public func detach(_ listener: StreamListener) {
        switch listener {
        case .durable(let subscription): streams.detach(subscription)
        case .session(let subscription): detach(subscription)
        }
    }
}
