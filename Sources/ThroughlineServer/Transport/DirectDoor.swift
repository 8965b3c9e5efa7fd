import NIOHTTP1
import ThroughlineCore
import ThroughlineEngine

/// Which requests are served directly, and what is needed for that.
package struct DirectDoor: Sendable {
    let engine: Engine
    let gatekeeper: Gatekeeper
    let limits: TransportLimits
    let decoder: OperationDecoder
    let streams: StreamService

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

    /// The same for a request on a durable stream.
    func admitStream(_ head: HTTPRequestHead) -> DirectStreamRequest? {
        guard head.version == .http1_1, let method = StreamRequest.Method(rawValue: head.method.rawValue),
            let target = StreamTarget(head.uri)
        else { return nil }
        var fields = StreamFields()
        var common = Fields()
        for (name, value) in head.headers {
            if name.isHeader("content-type") {
                fields.take(name, value)
            } else if name.isHeader("transfer-encoding") {
                guard value.lowercased() == "chunked" else { return nil }
            } else {
                guard common.take(name, value) else { return nil }
                fields.take(name, value)
            }
        }
        guard common.length ?? 0 <= limits.streamBodyBytes,
            (try? gatekeeper.checkOrigin(nil, host: common.host)) != nil,
            let participant = SubscriptionService.Place(target)?.isOpen == true
                ? Participant.anonymous : try? participant(common)
        else { return nil }
        return DirectStreamRequest(
            request: StreamRequest(
                method: method, target: target, fields: fields, participant: participant,
                origin: fields.origin(common.host)),
            length: common.length, keepsAlive: head.isKeepAlive)
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

/// A request on a durable stream that is being read.
struct DirectStreamRequest: Sendable {
    var request: StreamRequest
    var length: Int?
    var keepsAlive: Bool
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
