import NIOCore
import ThroughlineCore
import ThroughlineEngine

extension WebSocketConnection {
    /// One request: finds out what it is, does it, and answers under its `id`.
    func handle(_ frame: JSONValue) {
        let re = frame["id"].map { Array($0.source) }
        do throws(Refusal) {
            guard let op = frame["op"]?.string else { throw decoder.missing("op") }
            if let id = frame["id"], id.source.count > 256 { throw decoder.invalid("id", "is short") }
            if op == "auth" { return try authenticate(frame, re: re) }
            guard isAdmitted else { throw Refusal(.keyMissing, "Send {\"op\": \"auth\", \"key\": ...} first.") }
            try perform(op, frame, re: re)
        } catch {
            if !isAdmitted { return output?.close(4401, error.detail) ?? () }
            // A write without an id is answered by naming what it was.
            if re == nil, let session: SessionID = frame.id("session"), let run: RunID = frame.id("run") {
                sendRunError(session, run, number: frame["seq"]?.integer.map { UInt64(max(0, $0)) }, error)
            } else {
                sendError(error, re: re)
            }
        }
    }

    private func authenticate(_ frame: JSONValue, re: [UInt8]?) throws(Refusal) {
        let name = try gatekeeper.admit(token: frame["key"]?.string)
        if !isAdmitted { admit(token: frame["key"]?.string) }
        lane.forget()
        keyName = name
        if let stated = frame["as"] { participant = try RequestIdentity.parse(stated, key: name) }
        sendOK(Array("{}".utf8), re: re)
    }

    private func perform(_ op: String, _ frame: JSONValue, re: [UInt8]?) throws(Refusal) {
        switch op {
        case "ping": sendOK(Array("{}".utf8), re: re)
        case "list": sendOK(try engine.list(try query(frame), by: try identity(frame, nil)), re: re)
        case "work": try takeWork(frame, re: re)
        case "create" where frame["session"] == nil:
            let id = SessionID(unchecked: engine.randomID("s-"))
            submit(try decoder.create(frame), on: id, by: try identity(frame, nil), re: re)
        case _ where Self.sessionOperations.contains(op):
            try perform(op, on: try decoder.requiredID(frame, "session"), frame, re: re)
        default:
            throw Refusal(.operationUnknown, "There is no such op. docs/protocol.md lists them.")
        }
    }

    private static let sessionOperations: Set<String> = [
        "write", "attach", "detach", "create", "update", "erase", "fork", "get", "context", "events", "input",
        "input.update", "input.withdraw", "regenerate", "branch", "command", "run", "heartbeat", "end", "adopt",
        "request", "answer", "presence", "read", "say",
    ]

    private func perform(_ op: String, on session: SessionID, _ frame: JSONValue, re: [UInt8]?) throws(Refusal) {
        let by = try identity(frame, session)
        switch op {
        case "write": try write(session, frame, by: by, re: re)
        case "attach": try attach(session, frame, by: by, re: re)
        case "detach":
            readers.removeValue(forKey: session)?.detach()
            identities[session] = nil
            sendOK(Array("{}".utf8), re: re)
        case "create": submit(try decoder.create(frame), on: session, by: by, re: re)
        case "update": submit(try decoder.update(frame), on: session, by: by, re: re)
        case "erase": erase(session, by: by, re: re)
        case "fork":
            let asked = try decoder.fork(frame, idIn: "new")
            engine.fork(
                session, at: asked.at, as: asked.id, title: asked.title, by: by, then: answering(re))
        case "context": try getContext(session, frame, by: by, re: re)
        case "get": getSnapshot(session, try page(frame), by: by, re: re)
        case "events": try readPage(session, frame, by: by, re: re)
        case "input": submit(try decoder.addInput(try object(frame, "input")), on: session, by: by, re: re)
        case "input.update":
            let input: InputID = try decoder.requiredID(frame, "input")
            submit(try decoder.updateInput(input, frame), on: session, by: by, re: re)
        case "input.withdraw":
            submit(.withdrawInput(id: try decoder.requiredID(frame, "input")), on: session, by: by, re: re)
        case "regenerate":
            let input: InputID = try decoder.requiredID(frame, "input")
            let new: InputID? = try decoder.optionalID(frame, "new")
            submit(
                .regenerate(input: input, id: new, agent: try decoder.optionalID(frame, "agent")), on: session, by: by,
                re: re)
        case "branch": submit(try decoder.selectBranch(frame), on: session, by: by, re: re)
        case "say": submit(try decoder.say(try object(frame, "message")), on: session, by: by, re: re)
        case "command": try command(session, frame, by: by, re: re)
        case "run": submit(try decoder.startRun(try object(frame, "run")), on: session, by: by, re: re)
        case "heartbeat":
            let run: RunID = try decoder.requiredID(frame, "run")
            submit(try decoder.heartbeat(run, token: try lease(frame), frame), on: session, by: by, re: re)
        case "adopt":
            let run: RunID = try decoder.requiredID(frame, "run")
            let request: WorkID? = try decoder.optionalID(frame, "adopt")
            submit(
                .adopt(.init(run: run, token: try lease(frame), request: request)), on: session, by: by, re: re)
        case "end":
            let run: RunID = try decoder.requiredID(frame, "run")
            submit(try decoder.endRun(run, token: try lease(frame), frame), on: session, by: by, re: re)
        case "answer":
            let request: AgentRequestID = try decoder.requiredID(frame, "request")
            submit(try decoder.answer(request, try object(frame, "answer")), on: session, by: by, re: re)
        case "read":
            engine.markRead(
                upTo: try decoder.read(frame), in: session, by: by,
                then: answering { connection, result in
                    switch result {
                    case .success(let answer): connection.sendOK(answer.body, re: re)
                    case .failure(let refusal): connection.sendError(refusal, re: re)
                    }
                })
        case "presence": try sayPresence(session, frame, by: by, re: re)
        case "request": try showRequest(session, frame, by: by, re: re)
        default: preconditionFailure("an operation without a handler: \(op)")
        }
    }

    // MARK: Operations

    private func submit(_ operation: Operation, on session: SessionID, by: Participant, re: [UInt8]?) {
        engine.perform(
            operation, on: session, by: by, holder: holder,
            then: answering { connection, result in
                switch result {
                case .success(let answer): connection.sendOK(answer.body, re: re)
                case .failure(let refusal): connection.sendError(refusal, re: re)
                }
            })
    }

    private func write(_ session: SessionID, _ frame: JSONValue, by: Participant, re: [UInt8]?) throws(Refusal) {
        guard let events = frame["events"] else { throw decoder.missing("events") }
        let run: RunID = try decoder.requiredID(frame, "run")
        let number = try writeNumber(frame)
        let write = Operation.Write(
            run: run, token: try lease(frame), number: number, events: try decoder.agentEvents(events))
        engine.perform(
            .write(write), on: session, by: by, holder: holder,
            then: answering { connection, result in
                switch result {
                case .success(let answer):
                    if re != nil { return connection.sendOK(answer.body, re: re) }
                    connection.send {
                        $0.field("session", session.value)
                        $0.field("run", run.value)
                        $0.field("written", answer.written ?? 0)
                        $0.field("tail", answer.tail.rawValue)
                    }
                case .failure(let refusal):
                    if re != nil { return connection.sendError(refusal, re: re) }
                    connection.sendRunError(session, run, number: number, refusal)
                }
            })
    }

    private func attach(_ session: SessionID, _ frame: JSONValue, by: Participant, re: [UInt8]?) throws(Refusal) {
        guard readers.count < limits.attachments || readers[session] != nil else {
            throw Refusal(.tooMany, "A socket reads at most \(limits.attachments) sessions.")
        }
        let start = try self.start(frame)
        if let presence = frame["presence"], presence.kind != .boolean {
            throw decoder.invalid("presence", "is true or false")
        }
        readers.removeValue(forKey: session)?.detach()
        if frame["as"] != nil {
            identities[session] = by
            lane.forget()
        }
        let reader = AttachedReader(session, on: self, isWatching: frame["presence"]?.boolean ?? false)
        readers[session] = reader
        reader.attach(
            from: start, by: by,
            then: answering { connection, result in
                guard connection.readers[session] === reader else { return reader.detach() }
                switch result {
                case .success(let attachment): connection.begin(reader, attachment, session, re: re)
                case .failure(let refusal):
                    connection.readers[session] = nil
                    connection.sendError(refusal, re: re)
                }
            })
    }

    private func begin(_ reader: AttachedReader, _ attachment: Attachment, _ session: SessionID, re: [UInt8]?) {
        sendOK(JSONWriter.object { $0.field("seq", attachment.tail.rawValue) }, re: re)
        if let snapshot = attachment.snapshot {
            send {
                $0.field("session", session.value)
                $0.field("snapshot", raw: snapshot)
            }
        }
        reader.begin(at: attachment.position)
    }

    private func erase(_ session: SessionID, by: Participant, re: [UInt8]?) {
        engine.erase(
            session, by: by,
            then: answering { connection, result in
                switch result {
                case .success: connection.sendOK(Array("{}".utf8), re: re)
                case .failure(let refusal): connection.sendError(refusal, re: re)
                }
            })
    }

    private func getContext(
        _ session: SessionID, _ frame: JSONValue, by: Participant, re: [UInt8]?
    ) throws(Refusal) {
        let query = try decoder.context(
            branch: frame["branch"]?.string, tokens: try integer(frame, "tokens", 1...Int64(Int32.max)).map { Int($0) },
            format: frame["format"]?.string)
        engine.context(of: session, query, by: by, then: answering(re))
    }

    /// Sends an answer under the number of its request.
    private func answering(_ re: [UInt8]?) -> AnswerCompletion {
        answering { connection, result in
            switch result {
            case .success(let answer): connection.sendOK(answer.body, re: re)
            case .failure(let refusal): connection.sendError(refusal, re: re)
            }
        }
    }

    private func getSnapshot(_ session: SessionID, _ page: SnapshotPage, by: Participant, re: [UInt8]?) {
        engine.snapshot(
            of: session, page, by: by,
            then: answering { connection, result in
                switch result {
                case .success(let snapshot): connection.sendOK(snapshot, re: re)
                case .failure(let refusal): connection.sendError(refusal, re: re)
                }
            })
    }

    private func readPage(_ session: SessionID, _ frame: JSONValue, by: Participant, re: [UInt8]?) throws(Refusal) {
        let after = SequenceNumber(UInt64(try integer(frame, "after", 0...Int64.max) ?? 0))
        let limit = Int(try integer(frame, "limit", 1...5_000) ?? 500)
        engine.readPage(
            of: session, after: after, limit: limit, by: by,
            then: answering { connection, result in
                switch result {
                case .success(let page): connection.sendOK(page.encoded, re: re)
                case .failure(let refusal): connection.sendError(refusal, re: re)
                }
            })
    }

    private func command(_ session: SessionID, _ frame: JSONValue, by: Participant, re: [UInt8]?) throws(Refusal) {
        let operation = try decoder.command(try object(frame, "command"))
        guard let wait = try integer(frame, "wait", 0...Int64(limits.maximumCommandWait.nanoseconds / 1_000_000_000)),
            wait > 0,
            case .command(let id, let order) = operation
        else { return submit(operation, on: session, by: by, re: re) }
        let done: AnswerCompletion = answering { connection, result in
            switch result {
            case .success(let answer): connection.sendOK(answer.body, re: re)
            case .failure(let refusal): connection.sendError(refusal, re: re)
            }
        }
        let engine = engine
        Task { done(await engine.commandAndWait(id, order, on: session, by: by, within: .seconds(wait))) }
    }

    /// Without `typing` and `viewing` it only asks.
    private func sayPresence(_ session: SessionID, _ frame: JSONValue, by: Participant, re: [UInt8]?) throws(Refusal) {
        let done: AnswerCompletion = answering { connection, result in
            switch result {
            case .success(let answer): connection.sendOK(answer.body, re: re)
            case .failure(let refusal): connection.sendError(refusal, re: re)
            }
        }
        guard frame["typing"] != nil || frame["viewing"] != nil else {
            return engine.presence(in: session, by: by, then: done)
        }
        engine.say(try decoder.presence(frame), in: session, by: by, then: done)
    }

    private func showRequest(_ session: SessionID, _ frame: JSONValue, by: Participant, re: [UInt8]?) throws(Refusal) {
        let request: AgentRequestID = try decoder.requiredID(frame, "request")
        let wait = try integer(frame, "wait", 0...60) ?? 0
        let done: AnswerCompletion = answering { connection, result in
            switch result {
            case .success(let answer): connection.sendOK(answer.body, re: re)
            case .failure(let refusal): connection.sendError(refusal, re: re)
            }
        }
        let engine = engine
        Task { done(await engine.request(request, on: session, by: by, within: .seconds(wait))) }
    }

    private func takeWork(_ frame: JSONValue, re: [UInt8]?) throws(Refusal) {
        let work: WorkID = try decoder.optionalID(frame, "work") ?? WorkID(unchecked: engine.randomID("w-"))
        let wait = try integer(frame, "wait", 0...60) ?? 30
        let number = nextWait
        nextWait += 1
        let leave = engine.takeWork(
            work, agent: try decoder.requiredID(frame, "agent"), wait: .seconds(wait),
            leaseMilliseconds: try decoder.lease(frame), attempts: try decoder.attempts(frame),
            accepts: try decoder.accepts(frame), budget: try decoder.budget(frame),
            by: try identity(frame, nil), holder: holder,
            then: answering { connection, result in
                connection.waits[number] = nil
                switch result {
                case .success(let answer):
                    connection.sendOK(answer?.body ?? Array(#"{"work":null}"#.utf8), re: re)
                case .failure(let refusal): connection.sendError(refusal, re: re)
                }
            })
        waits[number] = leave
    }

    // MARK: Fields

    private func identity(_ frame: JSONValue, _ session: SessionID?) throws(Refusal) -> Participant {
        if let stated = frame["as"] { return try RequestIdentity.parse(stated, key: keyName) }
        return session.flatMap { identities[$0] } ?? participant
    }

    private func object(_ frame: JSONValue, _ name: StaticString) throws(Refusal) -> JSONValue {
        guard let value = frame[name] else { throw decoder.missing(name.description) }
        guard value.kind == .object else { throw decoder.invalid(name.description, "is an object") }
        return value
    }

    private func lease(_ frame: JSONValue) throws(Refusal) -> String {
        guard let lease = frame["lease"]?.string else { throw decoder.missing("lease") }
        return lease
    }

    private func writeNumber(_ frame: JSONValue) throws(Refusal) -> UInt64? {
        try integer(frame, "seq", 1...Int64.max).map { UInt64($0) }
    }

    private func integer(_ frame: JSONValue, _ name: StaticString, _ range: ClosedRange<Int64>) throws(Refusal)
        -> Int64?
    {
        guard let value = frame[name], !value.isNull else { return nil }
        guard let number = value.integer, range.contains(number) else {
            throw decoder.invalid(name.description, "is a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    private func start(_ frame: JSONValue) throws(Refusal) -> ReadStart {
        switch frame["from"]?.string {
        case "snapshot": return .snapshot(try page(frame))
        case "tail": return .tail
        case nil where frame["from"] == nil:
            return .after(SequenceNumber(UInt64(try integer(frame, "after", 0...Int64.max) ?? 0)))
        default: throw decoder.invalid("from", "is snapshot or tail")
        }
    }

    private func page(_ frame: JSONValue) throws(Refusal) -> SnapshotPage {
        SnapshotPage(
            messages: try integer(frame, "messages", 0...100_000).map { Int($0) },
            before: try decoder.optionalID(frame, "before"))
    }

    private func query(_ frame: JSONValue) throws(Refusal) -> SessionQuery {
        var query = SessionQuery(limit: Int(try integer(frame, "limit", 1...200) ?? 50))
        query.cursor = frame["cursor"]?.string
        query.participant = frame["participant"]?.string
        if let state = frame["state"] {
            guard let known = state.string.flatMap(SessionInfo.State.init) else {
                throw decoder.invalid("state", "is open or closed")
            }
            query.state = known
        }
        for (name, value) in frame["metadata"]?.members ?? [] {
            query.metadata[name] = value.string ?? String(decoding: value.source, as: UTF8.self)
        }
        return query
    }
}
