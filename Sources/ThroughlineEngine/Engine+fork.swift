public import ThroughlineCore

extension Engine {
    /// Makes a new session of what another was after an event, in one commit.
    ///
    /// - Parameters:
    ///   - id: `nil` mints one. The same id with the same origin again makes nothing.
    ///   - sequence: `nil` means the last event.
    public func fork(
        _ source: SessionID, at sequence: SequenceNumber?, as id: SessionID?, title: String?,
        by participant: Participant, then completion: @escaping AnswerCompletion
    ) {
        guard Access.permits(.read, .write, to: participant, orTell: completion) else { return }
        let id = id ?? SessionID(unchecked: randomID("s-"))
        decide(on: source) { (state) throws(Refusal) in
            let tail = state.machine.tail
            guard sequence ?? tail <= tail else {
                throw Refusal(.cursorAhead, "The session ends at \(tail).", numbers: ["tail": tail.rawValue])
            }
            return sequence ?? tail
        } then: { [self] result in
            switch result {
            case .failure(let refusal): completion(.failure(refusal))
            case .success(let last):
                let origin = SessionInfo.Origin(session: source, sequence: last)
                let request = SessionFork.Request(id: id, title: title, origin: origin)
                pool.run(for: source) { [self] in make(request, by: participant, then: completion) }
            }
        }
    }

    /// Reads the original and decides the copy. Blocks.
    private func make(
        _ request: SessionFork.Request, by participant: Participant, then completion: @escaping AnswerCompletion
    ) {
        if store.status(of: StreamID(request.id)) == .erased { return completion(.failure(absent(request.id))) }
        do throws(Refusal) {
            let machine = try copy(request, by: participant)
            let live = directory.create(request.id) {
                LiveSession(machine: machine, durable: .zero, now: environment.monotonic())
            }
            guard let live else { return confirm(request, then: completion) }
            _ = decide(on: live) { (state) throws(Refusal) in
                sessionAnswer(.created, state)
            } then: {
                completion($0)
            }
        } catch {
            completion(.failure(error))
        }
    }

    private func copy(_ request: SessionFork.Request, by participant: Participant) throws(Refusal) -> SessionMachine {
        let source = request.origin.session
        var fork = SessionFork(request, limits: configuration.session)
        var position = SequenceNumber.zero
        while position < request.origin.sequence {
            let chunk: [LogRecord]
            do throws(StoreError) {
                chunk = try store.read(StreamID(source), after: position, limit: ReadLimit(bytes: 4 << 20))
            } catch {
                throw Refusal(error)
            }
            for record in chunk where record.kind == .event && record.sequence <= request.origin.sequence {
                guard fork.take(record.payload) else {
                    throw Refusal(.storageFailed, "Event \(record.sequence) of \(source) cannot be read.")
                }
            }
            guard let last = chunk.last?.sequence, last > position else { throw absent(source) }
            position = last
            guard fork.bytes <= configuration.forkBytes else {
                throw Refusal(
                    .tooLarge, "A fork takes at most \(configuration.forkBytes) bytes. Fork at an earlier event.")
            }
        }
        guard let machine = fork.finish(by: participant, at: environment.now()) else { throw absent(source) }
        return machine
    }

    /// Somebody made a session of this id: it has to be this very fork.
    private func confirm(_ request: SessionFork.Request, then completion: @escaping AnswerCompletion) {
        decide(on: request.id) { [self] (state) throws(Refusal) in
            guard state.machine.info.forkedFrom == request.origin else {
                throw Refusal(.sessionExists, "A session of this id exists already. Use another id.")
            }
            return sessionAnswer(.ok, state)
        } then: {
            completion($0)
        }
    }
}
