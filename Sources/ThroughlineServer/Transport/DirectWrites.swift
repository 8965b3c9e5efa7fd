import NIOCore
import NIOHTTP1
import ThroughlineCore
import ThroughlineEngine

/// An agent's writes over HTTP, answered on the connection's own loop: no task, no router.
///
/// `POST /v1/sessions/{session}/runs/{run}/events` with a JSON body of a known length. A connection is served here for as long
/// as it asks for nothing else; with the first other request it goes over to Hummingbird for good, where the same route is
/// answered the same.
///
/// `@unchecked Sendable`: used on the connection's loop only.
final class DirectWrites: @unchecked Sendable {
    private let door: DirectDoor
    private let mailbox: Mailbox
    private let commits: CommitTick
    private let plain: PlainWriter
    private weak var channel: (any Channel)?
    private var request: DirectRequest?
    private var body: [UInt8] = []
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
            guard let request = door.admit(head) else { return false }
            self.request = request
            body.removeAll(keepingCapacity: true)
            body.reserveCapacity(request.length)
            lastProgress = .now()
        case .body(let buffer):
            buffer.withUnsafeReadableBytes { body.append(contentsOf: $0) }
        case .end:
            perform()
        }
        return true
    }

    func stop() {
        isStopping = true
        if !isAnswering, request == nil { channel?.close(promise: nil) }
    }

    private func perform() {
        guard let request else { return }
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
        self.request = nil
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

extension DirectWrites: ReceiptTaker {
    func take(_ receipt: WriteReceipt) {
        guard let request else { return }
        let body = JSONWriter.object {
            $0.field("written", receipt.number)
            $0.field("tail", receipt.tail.rawValue)
        }
        answer(
            receipt.refusal.map { .failure($0) } ?? .success(Answer(tail: receipt.tail, body: body)), to: request)
    }

    func commitTaken() {}
}
