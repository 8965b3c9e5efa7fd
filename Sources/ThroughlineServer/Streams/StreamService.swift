import NIOCore
import ThroughlineCore
import ThroughlineEngine

/// A request on a durable stream.
struct StreamRequest: Sendable {
    enum Method: String, Sendable {
        case put = "PUT"
        case post = "POST"
        case get = "GET"
        case head = "HEAD"
        case delete = "DELETE"
    }

    var method: Method
    var target: StreamTarget
    var fields: StreamFields
    var participant: Participant
    /// How the server was addressed: `http://127.0.0.1:8080`.
    var origin: String
}

/// The Durable Streams protocol: what each request asks of the engine, and how the answer looks. Knows no transport.
struct StreamService: Sendable {
    typealias Completion = @Sendable (StreamAnswer) -> Void

    let engine: Engine
    let limits: TransportLimits
    let stopping: StopSignal
    let subscriptions: SubscriptionService
    var streams: StreamEngine { engine.streams }

    /// Answers a request. The completion runs on any thread.
    ///
    /// - Parameters:
    ///   - mailbox: Where a request that waits is woken.
    ///   - isDeferred: The caller sees to a commit of what is appended, soon.
    func answer(
        _ request: StreamRequest, _ body: [UInt8], mailbox: Mailbox, isDeferred: Bool = false,
        then completion: @escaping Completion
    ) {
        do throws(Refusal) {
            try request.fields.check()
            if request.target.isReserved {
                return subscriptions.answer(request, body) { completion(.whole($0)) }
            }
            if request.target.isRoot {
                guard request.method == .get else {
                    throw Refusal(.methodNotAllowed, "GET lists streams, and reads several at once.")
                }
                return try request.target.parameters("stream").isEmpty
                    ? list(request.target, completion) : join(request, mailbox, completion)
            }
            let path = try request.target.path()
            if path.isSessions, request.method != .get, request.method != .head {
                throw Refusal(
                    .streamReadOnly, "A session's stream is read here. It is written by the session's routes.")
            }
            switch request.method {
            case .put: try create(path, request, body, completion)
            case .post: try append(path, request, body, isDeferred: isDeferred, completion)
            case .get: try read(path, request, mailbox, completion)
            case .head: head(path, request, completion)
            case .delete: delete(path, completion)
            }
        } catch {
            completion(.whole(StreamReply(error)))
        }
    }

    var bodyTooLarge: Refusal {
        Refusal(.tooLarge, "The body is larger than \(limits.streamBodyBytes) bytes. Send it in pieces.")
    }

    private func create(
        _ path: StreamPath, _ request: StreamRequest, _ body: [UInt8], _ completion: @escaping Completion
    ) throws(Refusal) {
        let asked = try request.fields.creation(body)
        if let compaction = asked.compaction {
            // A fork has its source's type, if it names none.
            let type = asked.contentType ?? (asked.fork == nil ? StreamSettings.defaultContentType : "application/json")
            try compaction.check(form: StreamForm(contentType: type), asked.retention)
        }
        let creation = StreamCreation(
            contentType: asked.contentType, lifetime: asked.lifetime, retention: asked.retention,
            compaction: asked.compaction,
            isClosed: request.fields.isClosing, body: body,
            fork: asked.fork.map { .init(source: $0.source, offset: $0.offset, beyond: $0.beyond) })
        let location = request.origin + StreamTarget.root + request.target.rawPath
        streams.create(path, creation) { result in
            switch result {
            case .failure(let refusal): completion(.whole(StreamReply(refusal)))
            case .success(let created):
                var reply = StreamReply(created.isNew ? 201 : 200, created.standing.headers)
                if created.isNew { reply.headers.append(("location", location)) }
                if !created.standing.summary.settings.isKeptWhole {
                    reply.headers.append(("stream-extensions", created.standing.extensions))
                }
                completion(.whole(reply))
            }
        }
    }

    private func append(
        _ path: StreamPath, _ request: StreamRequest, _ body: [UInt8], isDeferred: Bool,
        _ completion: @escaping Completion
    ) throws(Refusal) {
        let fields = request.fields
        if body.isEmpty, !fields.isClosing {
            throw Refusal(.fieldMissing, "An append has a body. To close the stream, send Stream-Closed: true.")
        }
        let type = body.isEmpty ? nil : try fields.mediaType()
        if !body.isEmpty, type == nil { throw Refusal(.headerInvalid, "Send the stream's Content-Type.") }
        let producer = try fields.producer()
        let write = StreamWrite(
            messages: [], contentType: type, producer: producer, order: try fields.streamOrder(),
            isClosing: fields.isClosing, expected: try fields.expectedTail())
        streams.write(write, body: body, to: path, isDeferred: isDeferred) { result in
            switch result {
            case .failure(let refusal): completion(.whole(StreamReply(refusal)))
            case .success(let written):
                completion(.whole(StreamReply(written, of: producer, isEmpty: body.isEmpty)))
            }
        }
    }

    private func head(_ path: StreamPath, _ request: StreamRequest, _ completion: @escaping Completion) {
        let answer: @Sendable (Result<StreamStanding, Refusal>) -> Void = { result in
            switch result {
            case .failure(let refusal): completion(.whole(StreamReply(refusal)))
            case .success(let standing):
                completion(
                    .whole(
                        StreamReply(
                            200,
                            standing.headers + [
                                ("cache-control", "no-store"), ("stream-extensions", standing.extensions),
                            ])))
            }
        }
        if let session = path.session {
            engine.findStream(of: session, by: request.participant, then: answer)
        } else {
            streams.find(path) { answer($0.map(\.status)) }
        }
    }

    private func delete(_ path: StreamPath, _ completion: @escaping Completion) {
        streams.delete(path) { result in
            switch result {
            case .failure(let refusal): completion(.whole(StreamReply(refusal)))
            case .success: completion(.whole(StreamReply(204)))
            }
        }
    }
}

extension StreamStanding {
    /// What a stream is, in headers.
    var headers: [(name: String, value: String)] {
        var headers = [
            (name: "content-type", value: summary.settings.contentType),
            (name: "stream-next-offset", value: tail.description),
        ]
        switch summary.settings.lifetime {
        case .unlimited: break
        case .idle(let seconds): headers.append(("stream-ttl", String(seconds)))
        case .until(let time): headers.append(("stream-expires-at", RFC3339.text(time)))
        }
        if let retention = summary.settings.retention { headers += retention.headers }
        if let compaction = summary.settings.compaction {
            headers.append((StreamCompaction.header, compaction.members.joined(separator: ",")))
        }
        if summary.settings.retention != nil || earliest > .start {
            headers.append((StreamOffset.earliestHeader, earliest.description))
        }
        if isClosed { headers.append(("stream-closed", "true")) }
        return headers
    }

    /// What the stream can beyond the protocol, as docs/durable-streams.md names it.
    var extensions: String {
        var names = "if-match-v1, last-v1, until-now-v1, sse-id-v1, joined-sse-v1"
        if summary.settings.retention != nil { names += ", retention-v1" }
        if summary.settings.compaction != nil { names += ", compaction-v1" }
        return names
    }
}

extension StreamOffset {
    /// Where a stream begins, when its first messages have been let go. Ursula's name.
    static let earliestHeader = "stream-earliest-offset"
}

extension StreamReply {
    /// What a write came to.
    ///
    /// - Parameter isEmpty: Whether nothing was to be appended, but the stream closed.
    init(_ written: StreamWritten, of producer: ProducerStamp?, isEmpty: Bool) {
        var headers = [(name: "stream-next-offset", value: written.tail.description)]
        if written.isClosed { headers.append(("stream-closed", "true")) }
        switch written.verdict {
        case .taken:
            if let producer { headers += Self.accepted(producer.epoch, producer.sequence) }
            self.init(producer == nil || isEmpty ? 204 : 200, headers)
        case .duplicate(let sequence):
            if let producer { headers += Self.accepted(producer.epoch, sequence ?? producer.sequence) }
            self.init(204, headers)
        case .closed:
            self.init(Refusal(.streamClosed, "The stream is closed. It takes nothing more."), headers)
        case .otherType:
            self.init(Refusal(.contentTypeMismatch, "The stream has another content type."), headers)
        case .orderRegressed:
            self.init(
                Refusal(.sequenceRegressed, "Stream-Seq has to be greater than the last one, byte by byte."), headers)
        case .producerStale(let epoch):
            self.init(
                Refusal(.producerFenced, "A later life of this producer has written. Take epoch \(epoch + 1)."),
                [("producer-epoch", String(epoch))])
        case .producerGap(let expected):
            self.init(
                Refusal(.producerGap, "A request of this producer is missing: \(expected) comes next."),
                [
                    ("producer-expected-seq", String(expected)),
                    ("producer-received-seq", String(producer?.sequence ?? 0)),
                ])
        case .producerLateStart:
            self.init(Refusal(.producerInvalid, "A new epoch begins with Producer-Seq 0."))
        case .producersTooMany:
            self.init(Refusal(.tooMany, "The stream has as many producers as it can have."))
        case .tailElsewhere:
            self.init(Refusal(.tailChanged, "The stream does not end at the offset of If-Match."), headers)
        }
    }

    private static func accepted(_ epoch: UInt64, _ sequence: UInt64) -> [(name: String, value: String)] {
        [("producer-epoch", String(epoch)), ("producer-seq", String(sequence))]
    }
}

extension StreamPath {
    private static let sessions = "sessions/"

    /// Whether it is below `sessions/`, where the sessions are.
    var isSessions: Bool { value.hasPrefix(Self.sessions) || value == "sessions" }

    /// The session that can be read at this path.
    var session: SessionID? {
        value.hasPrefix(Self.sessions) ? SessionID(String(value.dropFirst(Self.sessions.count))) : nil
    }
}
