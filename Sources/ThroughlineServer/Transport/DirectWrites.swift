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

/// The runs that a connection has written to of late.
struct DirectWriters {
    private struct Entry {
        var run: RunID
        var token: String
        var participant: Participant
        var writer: RunWriter
    }

    private var entries: [SessionID: Entry] = [:]
    private static let maximum = 64

    func find(_ request: DirectRequest) -> RunWriter? {
        guard let entry = entries[request.session], entry.run == request.run,
            entry.participant == request.participant, ConstantTime.equal(entry.token, request.token)
        else { return nil }
        return entry.writer
    }

    mutating func insert(_ writer: RunWriter, for request: DirectRequest) {
        if entries.count >= Self.maximum { entries = [:] }
        entries[request.session] = Entry(
            run: request.run, token: request.token, participant: request.participant, writer: writer)
    }

    mutating func remove(_ session: SessionID) { entries[session] = nil }
}

/// Which requests are served directly, and what is needed for that.
package struct DirectDoor: Sendable {
    let engine: Engine
    let gatekeeper: Gatekeeper
    let limits: TransportLimits
    let decoder: OperationDecoder

    /// The request, if it is one of an agent's writes and nothing about it is unusual; what is refused, is refused by the router.
    func admit(_ head: HTTPRequestHead) -> DirectRequest? {
        guard head.method == .POST, head.version == .http1_1, let path = DirectPath(head.uri) else { return nil }
        var fields = Fields()
        for (name, value) in head.headers where !fields.take(name, value) { return nil }
        guard let length = fields.length, length <= limits.bodyBytes, let token = fields.lease,
            (try? gatekeeper.checkOrigin(nil, host: fields.host)) != nil,
            let participant = try? participant(fields)
        else { return nil }
        return DirectRequest(
            session: path.session, run: path.run, token: token, number: fields.number, participant: participant,
            length: length, keepsAlive: head.isKeepAlive)
    }

    private func participant(_ fields: Fields) throws(Refusal) -> Participant {
        let key = try gatekeeper.admit(token: BearerKey.read(fields.authorization))
        return try RequestIdentity.parse(fields.participant, key: key)
    }

    /// The headers that matter. Any that means more than is understood here leaves the request to the router.
    private struct Fields {
        var host: String?
        var length: Int?
        var lease: String?
        var number: UInt64?
        var participant: String?
        var authorization: String?

        mutating func take(_ name: String, _ value: String) -> Bool {
            switch name.utf8.count {
            case 4 where name.isHeader("host"): return set(&host, value)
            case 6 where name.isHeader("origin"), 6 where name.isHeader("expect"): return false
            case 7 where name.isHeader("upgrade"), 7 where name.isHeader("trailer"): return false
            case 9 where name.isHeader("run-lease"): return set(&lease, value)
            case 9 where name.isHeader("write-seq"):
                guard number == nil, let parsed = UInt64(digits: value), parsed > 0, parsed < Int64.max else {
                    return false
                }
                number = parsed
            case 12 where name.isHeader("content-type"):
                return value.lowercased().prefix { $0 != ";" } == "application/json"
            case 13 where name.isHeader("authorization"): return set(&authorization, value)
            case 14 where name.isHeader("content-length"):
                guard length == nil, let parsed = Int(digits: value) else { return false }
                length = parsed
            case 16 where name.isHeader("content-encoding"): return false
            case 17 where name.isHeader("transfer-encoding"): return false
            case 23 where name.isHeader("throughline-participant"): return set(&participant, value)
            default: break
            }
            return true
        }

        private func set(_ field: inout String?, _ value: String) -> Bool {
            guard field == nil else { return false }
            field = value
            return true
        }
    }
}

/// A write that is being read.
struct DirectRequest: Sendable {
    var session: SessionID
    var run: RunID
    var token: String
    var number: UInt64?
    var participant: Participant
    var length: Int
    var keepsAlive: Bool

    func write(_ body: [UInt8], _ decoder: OperationDecoder) throws(Refusal) -> Operation.Write {
        Operation.Write(
            run: run, token: token, number: number, events: try decoder.agentEvents(try decoder.json(body)))
    }
}

/// `/v1/sessions/{session}/runs/{run}/events`, without a query and without escapes.
struct DirectPath {
    var session: SessionID
    var run: RunID

    init?(_ uri: String) {
        guard uri.hasPrefix("/v1/sessions/"), uri.hasSuffix("/events") else { return nil }
        let pieces = uri.utf8.dropFirst("/v1/sessions/".utf8.count).split(
            separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard pieces.count == 4, pieces[1].elementsEqual("runs".utf8), pieces[3].elementsEqual("events".utf8),
            let session = SessionID(String(pieces[0]) ?? ""), let run = RunID(String(pieces[2]) ?? "")
        else { return nil }
        self.session = session
        self.run = run
    }
}

/// The answers, as the router's would look.
enum DirectAnswer {
    static func encode(_ result: Result<Answer, Refusal>, isLast: Bool) -> ByteBuffer {
        switch result {
        case .success(let answer):
            return encode(answer.status.rawValue, "application/json", answer.body, more: "", isLast)
        case .failure(let refusal):
            let more = refusal.code == .stopping ? "retry-after: 1\r\n" : ""
            return encode(refusal.code.status, "application/problem+json", refusal.problem, more: more, isLast)
        }
    }

    private static func encode(
        _ status: Int, _ type: String, _ body: [UInt8], more: String, _ isLast: Bool
    ) -> ByteBuffer {
        let reason = HTTPResponseStatus(statusCode: status).reasonPhrase
        var buffer = ByteBufferAllocator().buffer(capacity: 192 + body.count)
        buffer.writeString("HTTP/1.1 \(status) \(reason)\r\ncontent-type: \(type)\r\ncache-control: no-store\r\n")
        buffer.writeString("content-length: \(body.count)\r\n")
        buffer.writeString(more)
        if isLast { buffer.writeString("connection: close\r\n") }
        buffer.writeString("\r\n")
        buffer.writeBytes(body)
        return buffer
    }
}

extension String {
    /// Whether this is the name of a header, which is given in lower case.
    fileprivate func isHeader(_ name: StaticString) -> Bool {
        guard utf8.count == name.utf8CodeUnitCount else { return false }
        var index = 0
        for byte in utf8 {
            let lower = byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
            if lower != name.utf8Start[index] { return false }
            index += 1
        }
        return true
    }
}
