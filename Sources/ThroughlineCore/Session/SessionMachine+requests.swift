extension SessionMachine {
    public func request(_ id: AgentRequestID) -> AgentRequest? { requests[id] }
    public var allRequests: [AgentRequest] { requests.items }
    public var hasRequests: Bool { requests.count > 0 }

    /// The newest requests of a run that have come to an end, at most so many, oldest first: what its agent may want to know.
    public func settledRequests(of run: RunID, limit: Int = 16) -> [AgentRequest] {
        Array(requests.items.lazy.filter { $0.run == run && $0.state != .open }.suffix(limit))
    }

    /// Resolves a request. False if this very answer did so before.
    ///
    /// The first valid answer wins. Everybody else is told who did, and what they said.
    public mutating func answer(
        _ id: AgentRequestID, _ reply: AgentRequest.Reply, by: Participant, at: Timestamp
    ) throws(Refusal) -> Bool {
        guard let request = requests[id] else {
            throw Refusal(.requestNotFound, "The session has no request \(id).")
        }
        guard request.opening.who.includes(by) else {
            throw Refusal(.notAllowed, "You are not among those who may answer this request.")
        }
        if request.answer?.reply == reply.id, request.answer?.by.id == by.id { return false }
        try requireOpen(request, at: at)
        try check(reply, against: request)
        emit(.request(.resolved(id: id, reply)), by: by, at: at)
        return true
    }

    private func requireOpen(_ request: AgentRequest, at: Timestamp) throws(Refusal) {
        if request.state == .open, at < request.opening.deadline { return }
        let (code, what): (Refusal.Code, String) =
            switch request.state {
            case .resolved: (.requestResolved, "was answered already, by \(request.answer?.by.id ?? "somebody")")
            case .open, .expired: (.requestExpired, "was not answered in time")
            case .withdrawn: (.requestWithdrawn, "was withdrawn with its run")
            }
        throw Refusal(
            code, "The request \(request.id) \(what).",
            members: ["request": JSONWriter.value { request.write(to: &$0) }])
    }

    private func check(_ reply: AgentRequest.Reply, against request: AgentRequest) throws(Refusal) {
        let mustName = request.opening.kind == .approval
        if let digest = request.opening.digest, mustName || reply.digest != nil, reply.digest != digest {
            throw Refusal(
                .requestChanged,
                "The answer is about other arguments. Look at the request again, and name its digest in the answer.",
                members: ["request": JSONWriter.value { request.write(to: &$0) }])
        }
        if let flaw = request.opening.flaw(of: reply.value, limits) {
            throw Refusal(.answerInvalid, "The answer does not fit: \(flaw).")
        }
    }

    /// Takes a request that an agent writes. False if it is there already, the same.
    mutating func open(_ draft: RequestDraft, of run: Run, at: Timestamp) throws(Refusal) -> Bool {
        let opening = try completed(draft, of: run, at: at)
        if let known = requests[draft.id] {
            guard known.run == run.id, known.state == .open else {
                throw Refusal(.idTaken, "There is a request \(draft.id) already. Use another id.")
            }
            if opening.asks(theSameAs: known.opening) { return false }
            // Answers are told that it is over from its deadline on, and so it does not come back to life.
            guard at < known.opening.deadline else {
                throw Refusal(.idTaken, "The request \(draft.id) was not answered in time. Use another id.")
            }
            guard opening.mayReplace(known.opening) else {
                throw Refusal(
                    .idTaken,
                    "The request \(draft.id) is open, and only the arguments of an approval can change. Withdraw it, and "
                        + "use another id.")
            }
        } else {
            guard openRequests.count < limits.openRequests else {
                throw Refusal(.tooMany, "\(limits.openRequests) requests are open already. Wait for answers.")
            }
        }
        emit(.request(.opened(id: draft.id, run: run.id, opening)), by: .agent(run.agent), at: at)
        return true
    }

    /// The opening with its digest and its deadline, if all is well with it.
    private func completed(_ draft: RequestDraft, of run: Run, at: Timestamp) throws(Refusal) -> AgentRequest.Opening {
        var opening = draft.opening
        let bytes = try subject(of: opening, run)
        let digest = bytes.map { SHA256Digest.hexadecimal(of: $0) }
        if let digest, let given = opening.digest, given != digest {
            throw Refusal(.eventInvalid, "The digest of the arguments is \(digest).")
        }
        opening.digest = digest ?? opening.digest
        if opening.kind == .approval, opening.digest == nil {
            throw Refusal(.eventInvalid, "An approval names its arguments, the part that holds them, or their digest.")
        }
        opening.step = step(of: opening, run)
        opening.deadline = Timestamp(
            milliseconds: max(at, lastAt).rawValue + (draft.milliseconds ?? limits.defaultRequestMilliseconds))
        if let fallback = opening.fallback, let flaw = opening.flaw(of: fallback, limits) {
            throw Refusal(.eventInvalid, "The default does not fit: \(flaw).")
        }
        return opening
    }

    /// The step of the part that it is about, or the one that was begun last and is open.
    private func step(of opening: AgentRequest.Opening, _ run: Run) -> StepID? {
        if let place = opening.part.flatMap({ parts[$0] }) { return messages[place.message].step }
        return runs[run.id].flatMap { openStep(of: $0) }
    }

    /// The bytes that the digest is of.
    private func subject(of opening: AgentRequest.Opening, _ run: Run) throws(Refusal) -> [UInt8]? {
        guard let id = opening.part else { return opening.arguments }
        guard opening.arguments == nil else {
            throw Refusal(.eventInvalid, "A request names its arguments or the part that holds them, not both.")
        }
        guard let place = parts[id], messages[place.message].run == run.id else {
            throw Refusal(.partNotFound, "The run \(run.id) has no part \(id).")
        }
        let part = messages[place.message].parts[place.part]
        guard part.status == .complete else {
            throw Refusal(.eventInvalid, "The part \(id) has to be complete before somebody is asked about it.")
        }
        return part.text
    }

    /// Takes a refused write's request back.
    mutating func revertRequest(_ id: AgentRequestID, to previous: AgentRequest?) {
        if let previous, let index = requests.index(of: id) {
            requests[index] = previous
            if !openRequests.contains(id) {
                openRequests = (openRequests + [id]).sorted {
                    requests.index(of: $0) ?? 0 < requests.index(of: $1) ?? 0
                }
            }
            timers.set(.request(id), at: previous.opening.deadline)
        } else {
            requests.removeLast(id: id)
            openRequests.removeAll { $0 == id }
            timers.clear(.request(id))
        }
    }

    /// A run is over: nobody need answer what it asked.
    mutating func withdrawRequests(of run: RunID, as reason: Run.State, at: Timestamp) {
        for id in openRequests where requests[id]?.run == run {
            emit(.request(.withdrawn(id: id, reason: "run_\(reason.rawValue)")), by: .server, at: at)
        }
    }

    /// A step is begun again: nobody need answer what its earlier attempt asked.
    mutating func withdrawRequests(ofStep step: StepID, of run: RunID, at: Timestamp, undo: inout [Undo]) {
        for id in openRequests {
            guard let request = requests[id], request.run == run, request.opening.step == step else { continue }
            withdraw(request, as: "superseded", by: .server, at: at, undo: &undo)
        }
    }

    mutating func withdraw(
        _ request: AgentRequest, as reason: String, by: Participant, at: Timestamp, undo: inout [Undo]
    ) {
        undo.append(.requestChanged(request.id, previous: request))
        emit(.request(.withdrawn(id: request.id, reason: reason)), by: by, at: at)
    }

    func request(_ id: AgentRequestID, of run: Run) throws(Refusal) -> AgentRequest {
        guard let request = requests[id], request.run == run.id else {
            throw Refusal(.requestNotFound, "The run \(run.id) has no request \(id).")
        }
        return request
    }

    /// The time of a request is over.
    mutating func expire(_ id: AgentRequestID, at: Timestamp) {
        guard let request = requests[id], request.state == .open else { return }
        emit(.request(.expired(id: id, value: request.opening.fallback)), by: .server, at: at)
    }

    mutating func apply(_ change: RequestEvent, _ event: Event) {
        switch change {
        case .opened(let id, let run, let opening):
            if let index = requests.index(of: id) {
                requests[index].opening = opening
            } else {
                requests.append(
                    AgentRequest(
                        id: id, sequence: event.sequence, at: event.at, by: event.by ?? .server, run: run,
                        opening: opening),
                    id: id)
                openRequests.append(id)
            }
            timers.set(.request(id), at: opening.deadline)
            markSummaryStale()
        case .resolved(let id, let reply):
            settle(id, .resolved) {
                $0.answer = AgentRequest.Settlement(
                    reply: reply.id, value: reply.value, digest: reply.digest, note: reply.note,
                    by: event.by ?? .anonymous, at: event.at)
            }
        case .expired(let id, let value):
            settle(id, .expired) {
                $0.answer = value.map { AgentRequest.Settlement(value: $0, by: event.by ?? .server, at: event.at) }
            }
        case .withdrawn(let id, let reason):
            settle(id, .withdrawn) { $0.reason = reason }
        }
    }

    private mutating func settle(
        _ id: AgentRequestID, _ state: AgentRequest.State, _ change: (inout AgentRequest) -> Void
    ) {
        guard let index = requests.index(of: id) else {
            preconditionFailure("session \(info.id): an event names \(id), which does not exist")
        }
        requests[index].state = state
        change(&requests[index])
        openRequests.removeAll { $0 == id }
        timers.clear(.request(id))
        markSummaryStale()
    }
}

extension AgentRequest.Opening {
    func asks(theSameAs known: Self) -> Bool {
        var same = self
        same.deadline = known.deadline
        same.step = known.step
        return same == known
    }

    /// An answer to what is replaced must not be taken for one to this: it names another digest.
    func mayReplace(_ known: Self) -> Bool {
        kind == .approval && known.kind == .approval && tool == known.tool && digest != known.digest
    }

    /// What is wrong with an answer; `nil` if it fits.
    func flaw(of answer: [UInt8], _ limits: SessionLimits) -> String? {
        guard answer.count <= limits.requestValue else { return "it has at most \(limits.requestValue) bytes" }
        guard let value = try? JSONDocument.parse(answer) else { return "it is no JSON" }
        switch kind {
        case .approval: return value.kind == .boolean ? nil : "value is true or false"
        case .choice:
            let ids = choices.map(\.id)
            return value.string.map(ids.contains) == true ? nil : "value is one of \(ids.joined(separator: ", "))"
        case .text, .clientTool:
            guard let schema, let rules = try? JSONDocument.parse(schema) else {
                return kind == .clientTool || value.kind == .string ? nil : "value is a text"
            }
            return JSONSchema.breach(of: rules, by: value)
        }
    }
}
