import NIOCore
import ThroughlineCore
import ThroughlineEngine

extension StreamService {
    /// Bytes of messages in one answer. A single larger message makes a larger answer.
    static let chunkBytes = 2 << 20

    func read(
        _ path: StreamPath, _ request: StreamRequest, _ mailbox: Mailbox, _ completion: @escaping Completion
    ) throws(Refusal) {
        let target = request.target
        let asked = try target.parameter("offset")
        let live = try target.parameter("live")
        let cursor = try target.parameter("cursor")
        if let live {
            guard live == "long-poll" || live == "sse" else {
                throw Refusal(.fieldInvalid, "live is long-poll or sse.")
            }
            let last = try target.parameter("last")
            guard asked != nil || last != nil || request.fields.lastEventID != nil else {
                throw Refusal(.fieldMissing, "A live read has an offset: -1 for the start, now for the end.")
            }
        }
        // A malformed one is refused whether there is a stream or not.
        if let asked { _ = try StreamTarget.offset(asked, tail: .start) }
        let wait = try self.wait(target)
        let last = try number("last", target, asked)
        let until = try self.until(target, live)
        find(path, request.participant) { result in
            switch result {
            case .failure(let refusal): completion(.whole(StreamReply(refusal)))
            case .success(let (source, standing)):
                let resumed = live == "sse" ? request.fields.lastEventID.flatMap { StreamOffset($0) } : nil
                let from: StreamOffset
                do throws(Refusal) {
                    from = if let resumed { resumed } else { try standing.place(asked, last: last) }
                } catch { return completion(.whole(StreamReply(error))) }
                let reading = StreamReading(
                    source: source, standing: standing, from: from, isNow: resumed == nil && asked == "now",
                    end: until ? standing.tail : nil, cursor: cursor, ifNoneMatch: request.fields.ifNoneMatch)
                if from < standing.earliest { return completion(.whole(reading.trimmed(standing.earliest))) }
                switch live {
                case "sse": completion(feed(reading, mailbox))
                case "long-poll": StreamPoll(self, reading, mailbox, completion).begin(waiting: wait)
                default: catchUp(reading, completion)
                }
            }
        }
    }

    /// Finds what a path names: a stream, or a session.
    func find(
        _ path: StreamPath, _ participant: Participant,
        then completion: @escaping @Sendable (Result<(StreamSource, StreamStanding), Refusal>) -> Void
    ) {
        if let session = path.session {
            return engine.findStream(of: session, by: participant) { result in
                completion(result.map { (.session(session, participant), $0) })
            }
        }
        streams.find(path) { result in
            completion(
                result.map { stream in
                    streams.touch(stream)
                    return (.durable(stream), stream.status)
                })
        }
    }

    /// So many of the last messages, where the request says so instead of an offset.
    func number(_ name: String, _ target: StreamTarget, _ asked: String?) throws(Refusal) -> UInt64? {
        guard let text = try target.parameter(name) else { return nil }
        guard let number = UInt64(digits: text), number <= ProducerStamp.maximumNumber, asked == nil else {
            throw Refusal(.fieldInvalid, "\(name) is a number, and stands in place of offset.")
        }
        return number
    }

    /// Whether server-sent events end with what is there now.
    func until(_ target: StreamTarget, _ live: String?) throws(Refusal) -> Bool {
        guard let text = try target.parameter("until") else { return false }
        guard text == "now", live == "sse" else {
            throw Refusal(.fieldInvalid, "until is now, and goes with live=sse.")
        }
        return true
    }

    private func wait(_ target: StreamTarget) throws(Refusal) -> TimeAmount {
        guard let text = try target.parameter("timeout") else { return limits.longPoll }
        guard let seconds = Int64(digits: text), (1...60).contains(seconds) else {
            throw Refusal(.fieldInvalid, "timeout is a number of seconds from 1 to 60.")
        }
        return .seconds(seconds)
    }

    private func catchUp(_ reading: StreamReading, _ completion: @escaping Completion) {
        if reading.isNow { return completion(.whole(reading.empty(at: reading.standing.tail))) }
        switch engine.pull(reading.source, after: reading.from, bytes: Self.chunkBytes, for: nil) {
        case .slice(let slice): completion(.whole(reading.reply(slice)))
        case .atTail(let tail, let isClosed): completion(.whole(reading.empty(at: tail, isClosed: isClosed)))
        case .trimmed(let earliest): completion(.whole(reading.trimmed(earliest)))
        case .beyond: completion(.whole(reading.beyond))
        case .gone: completion(.whole(reading.gone))
        case .stored:
            engine.readStored(reading.source, after: reading.from, bytes: Self.chunkBytes) { result in
                switch result {
                case .success(let slice): completion(.whole(reading.reply(slice)))
                case .failure(let refusal): completion(.whole(reading.reply(refusal)))
                }
            }
        }
    }

    /// The headers of server-sent events.
    static let feedHeaders: [(name: String, value: String)] = [
        ("content-type", "text/event-stream"), ("cache-control", "no-cache, no-transform"), ("x-accel-buffering", "no"),
    ]

    private func feed(_ reading: StreamReading, _ mailbox: Mailbox) -> StreamAnswer {
        var headers = Self.feedHeaders
        if reading.form == .binary { headers.append(("stream-sse-data-encoding", "base64")) }
        return .events(StreamReply(200, headers), StreamFeed(self, reading, mailbox))
    }
}

extension StreamStanding {
    /// Where to begin, by the parameters `offset` and `last`.
    func place(_ asked: String?, last count: UInt64?) throws(Refusal) -> StreamOffset {
        if let count { return last(count) }
        return try StreamTarget.offset(asked ?? "-1", tail: tail, start: earliest)
    }
}

/// One read of a stream: from where, and what the client said with it.
struct StreamReading: Sendable {
    let source: StreamSource
    /// As it was when the request came.
    let standing: StreamStanding
    let from: StreamOffset
    /// Whether `from` was asked for as `now`.
    let isNow: Bool
    /// Where server-sent events end, if they do.
    let end: StreamOffset?
    let cursor: String?
    let ifNoneMatch: String?

    var form: StreamForm { standing.summary.settings.form }

    /// The bytes of a slice as an answer, or 304.
    func reply(_ slice: StreamSlice, cursor: String? = nil) -> StreamReply {
        let tag = tag(from: slice.after, to: slice.last, isClosed: slice.isClosed)
        var headers = readHeaders(tag, next: slice.last, isUpToDate: slice.isAtTail, isClosed: slice.isClosed)
        if let cursor { headers.append(("stream-cursor", cursor)) }
        if matches(tag) { return StreamReply(304, headers) }
        return StreamReply(200, headers, body: slice.body)
    }

    /// An answer without a message: the reader has them all.
    func empty(at tail: StreamOffset, isClosed: Bool? = nil) -> StreamReply {
        let isClosed = isClosed ?? standing.isClosed
        if isNow {
            var headers = readHeaders(nil, next: tail, isUpToDate: true, isClosed: isClosed)
            headers.append(("cache-control", "no-store"))
            return StreamReply(200, headers, body: StreamBody.empty(form))
        }
        let tag = tag(from: tail, to: tail, isClosed: isClosed)
        let headers = readHeaders(tag, next: tail, isUpToDate: true, isClosed: isClosed)
        return matches(tag) ? StreamReply(304, headers) : StreamReply(200, headers, body: StreamBody.empty(form))
    }

    var beyond: StreamReply {
        StreamReply(
            Refusal(.offsetInvalid, "The stream ends before that offset, at \(standing.tail)."),
            [("stream-next-offset", standing.tail.description)])
    }

    var gone: StreamReply {
        StreamReply(Refusal(.streamNotFound, "The stream \(standing.summary.path) was deleted."))
    }

    func trimmed(_ earliest: StreamOffset) -> StreamReply {
        StreamReply(StreamEngine.isGone(before: earliest), [(StreamOffset.earliestHeader, earliest.description)])
    }

    /// What a read came to that was not possible.
    func reply(_ refusal: Refusal) -> StreamReply {
        refusal.code == .offsetGone ? trimmed(source.earliest) : StreamReply(refusal)
    }

    private func readHeaders(
        _ tag: String?, next: StreamOffset, isUpToDate: Bool, isClosed: Bool
    ) -> [(name: String, value: String)] {
        var headers = [
            (name: "content-type", value: standing.summary.settings.contentType),
            (name: "stream-next-offset", value: next.description),
        ]
        if let tag {
            headers.append(("etag", tag))
            headers.append(("cache-control", "private, max-age=60, stale-while-revalidate=300"))
        }
        if isUpToDate { headers.append(("stream-up-to-date", "true")) }
        if isClosed { headers.append(("stream-closed", "true")) }
        if form == .binary { headers.append(("content-disposition", "attachment")) }
        return headers
    }

    private func tag(from: StreamOffset, to: StreamOffset, isClosed: Bool) -> String {
        return "\"\(standing.id.rawValue.replacing("/", with: ".")):\(from):\(to)\(isClosed ? ":c" : "")\""
    }

    private func matches(_ tag: String) -> Bool {
        guard let ifNoneMatch else { return false }
        return ifNoneMatch.cut(at: ",").contains { candidate in
            let text = candidate.trimmingSpaces()
            return text == "*" || text == tag || text == "W/" + tag
        }
    }
}
