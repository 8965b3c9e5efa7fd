import NIOCore
public import ThroughlineCore

extension Engine {
    func command(
        _ id: CommandID?, _ order: CommandOrder, on session: SessionID, by: Participant,
        then completion: @escaping AnswerCompletion
    ) {
        let id = id ?? CommandID(unchecked: randomID("c-"))
        decide(on: session) { [self] (state) throws(Refusal) in
            let isNew = try state.machine.take(order, as: id, by: by, at: environment.now())
            return (answer: commandAnswer(id, state), isNew: isNew)
        } then: { [self] result in
            completion(result.map(\.answer))
            if case .success((_, isNew: true)) = result { tellHolders(of: session) }
        }
    }

    /// An input can be a command to a run that is active.
    func addInput(
        _ input: Operation.AddInput, on session: SessionID, by: Participant, then completion: @escaping AnswerCompletion
    ) {
        let id = input.id ?? InputID(unchecked: randomID("i-"))
        let now = environment.now
        add(id, on: session, then: completion) { (machine) throws(Refusal) in
            try machine.addInput(
                id, parts: input.parts, agent: input.agent, followUp: input.followUp, replaces: input.replaces, by: by,
                at: now())
        }
    }

    /// Another answer to an input is an input, too.
    func regenerate(
        _ input: InputID, as id: InputID?, agent: AgentName?, on session: SessionID, by: Participant,
        then completion: @escaping AnswerCompletion
    ) {
        let id = id ?? InputID(unchecked: randomID("i-"))
        let now = environment.now
        add(id, on: session, then: completion) { (machine) throws(Refusal) in
            try machine.regenerate(input, as: id, agent: agent, by: by, at: now())
        }
    }

    private func add(
        _ id: InputID, on session: SessionID, then completion: @escaping AnswerCompletion,
        _ body: @escaping @Sendable (inout SessionMachine) throws(Refusal) -> Bool
    ) {
        decide(on: session) { [self] (state) throws(Refusal) in
            let isNew = try body(&state.machine)
            let added = state.machine.input(id)
            let concernsRuns = added?.followUp == .interrupt || added?.state == .steering
            return (answer: inputAnswer(isNew ? .created : .ok, id, state), tells: isNew && concernsRuns)
        } then: { [self] result in
            completion(result.map(\.answer))
            if case .success((_, tells: true)) = result { tellHolders(of: session) }
        }
    }

    func commandAnswer(_ id: CommandID, _ state: LiveSession.State) -> Answer {
        Answer(
            .accepted, tail: state.machine.tail,
            body: JSONWriter.object {
                $0.key("command")
                state.machine.command(id)?.write(to: &$0)
            })
    }

    /// How a command stands now, and whether that is final.
    public func command(
        _ id: CommandID, on session: SessionID,
        then completion: @escaping @Sendable (Result<(Answer, isFinal: Bool), Refusal>) -> Void
    ) {
        decide(on: session) { [self] (state) throws(Refusal) in
            let isFinal = state.machine.command(id)?.state.isFinal ?? true
            return (commandAnswer(id, state), isFinal: isFinal)
        } then: {
            completion($0)
        }
    }

    /// What an agent has to carry out, in every answer to it.
    func writeCommands(of run: RunID, _ state: LiveSession.State, to writer: inout JSONWriter) {
        guard let commands = state.machine.commandsToCarryOut(by: run) else { return }
        writer.field("commands", raw: commands)
    }

    /// A connection that has just taken a run over is told what it could not know, when that is durable. The session's lock is
    /// held.
    func remind(_ holder: HolderConnection, of run: RunID, _ state: inout LiveSession.State) {
        let words = [
            state.machine.commandsToCarryOut(by: run).map { HolderConnection.Word.commands($0) },
            state.machine.requestsToKnow(of: run).map { .requests($0) },
        ].compactMap(\.self)
        guard !words.isEmpty else { return }
        let session = state.machine.info.id
        let tell: @Sendable () -> Void = { [self] in
            deliver(to: holder.mailbox) { for word in words { holder.tell(session, run, word) } }
        }
        if state.durableTicket == state.decidedTicket {
            timers.execute(tell)
        } else {
            state.waiters.append((state.decidedTicket, .closure { if $0 == nil { tell() } }))
        }
    }

    private struct News {
        var stopped: [(run: RunID, holder: HolderConnection)] = []
        var commanded: [(run: RunID, holder: HolderConnection, commands: [UInt8])] = []
    }

    /// Tells the connections whose runs were cancelled, or have something to carry out. A run without one stays untold until its
    /// holder asks, or its lease ends.
    func tellHolders(of session: SessionID) {
        decide(on: session) { (state) throws(Refusal) in
            var news = News()
            for run in state.machine.untoldRuns {
                guard let holder = state.leases[run]?.holder else { continue }
                state.leases[run]?.holder = nil
                news.stopped.append((run, holder))
            }
            for (run, lease) in state.leases {
                guard let holder = lease.holder, let commands = state.machine.commandsToCarryOut(by: run) else {
                    continue
                }
                news.commanded.append((run, holder, commands))
            }
            return news
        } then: { [self] result in
            guard case .success(let news) = result else { return }
            for (run, holder) in news.stopped {
                let refusal = Refusal(.runCancelled, "The run \(run) was cancelled. Stop working on it.")
                deliver(to: holder.mailbox) { holder.tell(session, run, .stop(refusal)) }
                holderTold(of: run, in: session)
            }
            for (run, holder, commands) in news.commanded {
                deliver(to: holder.mailbox) { holder.tell(session, run, .commands(commands)) }
            }
        }
    }

    /// The holder of a cancelled run knows it.
    func holderTold(of run: RunID, in session: SessionID) {
        decide(on: session) { [self] (state) throws(Refusal) in
            guard state.machine.run(run)?.state == .cancelled else { return }
            state.leases[run] = nil
            state.machine.holderTold(of: run, at: environment.now())
        } then: { _ in
        }
    }
}

extension SessionMachine {
    /// The commands that an agent has to carry out, oldest first, as a JSON array; `nil` where there is none.
    func commandsToCarryOut(by run: RunID) -> [UInt8]? {
        let commands = pendingCommands(of: run)
        guard !commands.isEmpty else { return nil }
        var writer = JSONWriter()
        writer.array(commands) { writer, command in
            // What was sent as an input says it there.
            let parts = command.input.flatMap { input($0)?.parts }
            command.write(to: &writer, parts: parts)
        }
        return writer.bytes
    }
}
