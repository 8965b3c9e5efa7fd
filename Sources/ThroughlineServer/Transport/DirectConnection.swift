import NIOCore
import NIOHTTP1
import ThroughlineCore
import ThroughlineEngine

/// Requests that are answered on the connection's own loop: no task, no router.
///
/// These are an agent's writes, `POST /v1/sessions/{session}/runs/{run}/events` with a JSON body of a known length, and all
/// requests on durable streams. A connection is served here for as long as it asks for nothing else; with the first other
/// request it goes over to Hummingbird for good, where the same routes are answered the same.
///
/// `@unchecked Sendable`: used on the connection's loop only.
final class DirectConnection: @unchecked Sendable {
    private let door: DirectDoor
    private let mailbox: Mailbox
    private let commits: CommitTick
    private let plain: PlainWriter
    private weak var channel: (any Channel)?
    private var request: Pending?
    private var body: [UInt8] = []
    /// Events that are being sent.
    private var pump: StreamPump?
    /// What came while an answer was owed: requests are answered in their order.
    private var held: [HTTPServerRequestPart] = []
    private var frame = AppendFrame()
    private var writers = DirectWriters()
    private(set) var isAnswering = false
    private(set) var lastProgress = NIODeadline.now()
    private var isStopping = false
    /// Takes what was held and is not for here. From then on everything goes there.
    var onOther: ([HTTPServerRequestPart]) -> Void = { _ in }
    /// The answer was given, and nothing is held: more may be read.
    var onIdle: () -> Void = {}

    init(door: DirectDoor, plain: PlainWriter, channel: any Channel) {
        self.door = door
        self.plain = plain
        self.channel = channel
        mailbox = Mailbox(loop: channel.eventLoop)
        commits = door.engine.commitTick(on: channel.eventLoop)
    }

    /// What a request asks for.
    private enum Pending {
        case write(DirectRequest)
        case stream(DirectStreamRequest)
    }

    var hasHeld: Bool { !held.isEmpty }

    /// When the connection has been silent for too long: sooner in the middle of a request than between two.
    func deadline(_ limits: TransportLimits) -> NIODeadline {
        if isAnswering { return .distantFuture }
        return lastProgress + (request == nil ? limits.idleTime : limits.bodyTime)
    }

    /// Takes a part. False if it is for others, and all that follows.
    func take(_ part: HTTPServerRequestPart) -> Bool {
        guard !isAnswering else {
            held.append(part)
            return true
        }
        switch part {
        case .head(let head):
            let length: Int
            if let write = door.admit(head) {
                request = .write(write)
                length = write.length
            } else if let stream = door.admitStream(head) {
                request = .stream(stream)
                length = stream.length ?? 0
            } else {
                return false
            }
            body.removeAll(keepingCapacity: body.capacity <= 1 << 20)
            body.reserveCapacity(length)
            lastProgress = .now()
        case .body(let buffer):
            if case .stream(let stream) = request, body.count + buffer.readableBytes > door.limits.streamBodyBytes {
                refuseLength(of: stream)
            } else {
                buffer.withUnsafeReadableBytes { body.append(contentsOf: $0) }
            }
        case .end:
            switch request {
            case .write(let write): perform(write)
            case .stream(let stream): perform(stream)
            case nil: break
            }
        }
        return true
    }

    /// The socket takes more.
    func becameWritable() { pump?.run() }

    /// The connection is no more.
    func end() {
        pump?.stop()
        pump = nil
    }

    func stop() {
        isStopping = true
        pump?.finish()
        if !isAnswering, request == nil { channel?.close(promise: nil) }
    }

    private func perform(_ request: DirectRequest) {
        isAnswering = true
        if append(request) { return }
        let write: Operation.Write
        do throws(Refusal) {
            write = try request.write(body, door.decoder)
        } catch {
            return answer(.failure(error), to: request)
        }
        door.engine.perform(.write(write), on: request.session, by: request.participant) {
            [weak self, mailbox, engine = door.engine] result in
            engine.deliver(to: mailbox) { [weak self] in self?.answer(result, to: request) }
        }
    }

    /// Takes the usual append of an agent. False leaves it to the general way, which knows what is wrong.
    private func append(_ request: DirectRequest) -> Bool {
        guard let number = request.number else { return false }
        return body.withUnsafeBufferPointer { body in
            guard frame.scanEvents(body, number: number), let writer = writer(for: request) else { return false }
            guard door.engine.append(frame, in: body, by: writer) else {
                writers.remove(request.session)
                return false
            }
            commits.request()
            return true
        }
    }

    private func writer(for request: DirectRequest) -> RunWriter? {
        if let writer = writers.find(request) { return writer }
        mailbox.setTaker(self)
        let writer = door.engine.writer(
            session: request.session, run: request.run, token: request.token, by: request.participant,
            mailbox: mailbox, connection: nil)
        if let writer { writers.insert(writer, for: request) }
        return writer
    }

    private func answer(_ result: Result<Answer, Refusal>, to request: DirectRequest) {
        let isLast = isStopping || !request.keepsAlive
        plain.writeAndFlush(DirectAnswer.encode(result, isLast: isLast))
        finish(isLast: isLast)
    }

    private func finish(isLast: Bool) {
        request = nil
        isAnswering = false
        lastProgress = .now()
        if isLast { channel?.close(promise: nil) } else { takeHeld() }
    }

    private func takeHeld() {
        var parts = held[...]
        held = []
        while let part = parts.popFirst() {
            guard !isAnswering else {
                held = [part] + parts
                return
            }
            if !take(part) {
                return onOther([part] + parts)
            }
        }
        onIdle()
    }
}

// MARK: - Durable streams

extension DirectConnection {
    private func perform(_ stream: DirectStreamRequest) {
        isAnswering = true
        mailbox.setTaker(self)
        door.streams.answer(stream.request, body, mailbox: mailbox, isDeferred: true) {
            [weak self, mailbox, engine = door.engine] answer in
            engine.deliver(to: mailbox) { [weak self] in self?.answer(answer, to: stream) }
        }
        if stream.request.method == .post { commits.request() }
    }

    private func answer(_ answer: StreamAnswer, to stream: DirectStreamRequest) {
        let isLast = isStopping || !stream.keepsAlive
        switch answer {
        case .whole(let reply):
            plain.write(DirectAnswer.encodeHead(reply, of: stream.request.method, isLast: isLast))
            if stream.request.method != .head, reply.status != 204, reply.status != 304 { plain.write(reply.body) }
            plain.flush()
            finish(isLast: isLast)
        case .events(let reply, let feed):
            guard let channel, channel.isActive else { return feed.detach() }
            plain.write(DirectAnswer.encodeEventsHead(reply, isLast: isLast))
            let pump = StreamPump(feed, on: channel, plain: plain, limits: door.limits) { [weak self] in
                self?.pump = nil
                self?.finish(isLast: self?.isStopping == true || isLast)
            }
            self.pump = pump
            pump.run()
            if isStopping { pump.finish() }
        }
    }

    /// The body is too large: the rest of it is not read.
    private func refuseLength(of stream: DirectStreamRequest) {
        isAnswering = true
        isStopping = true
        answer(.whole(StreamReply(door.streams.bodyTooLarge)), to: stream)
    }
}

extension DirectConnection: ReceiptTaker {
    func take(_ receipt: WriteReceipt) {
        guard case .write(let request) = request else { return }
        let body = JSONWriter.object {
            $0.field("written", receipt.number)
            $0.field("tail", receipt.tail.rawValue)
        }
        answer(
            receipt.refusal.map { .failure($0) } ?? .success(Answer(tail: receipt.tail, body: body)), to: request)
    }

    func commitTaken() {}
}
