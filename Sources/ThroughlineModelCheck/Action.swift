import ThroughlineCore

/// Something that somebody does, or that happens to somebody.
struct Action: Sendable {
    let name: String
    /// Does it. A refusal leaves the state as it was, but for what it tells the holder of a cancelled run.
    let perform: @Sendable (inout SessionMachine) throws(Refusal) -> Void

    init(_ name: String, _ perform: @escaping @Sendable (inout SessionMachine) throws(Refusal) -> Void) {
        self.name = name
        self.perform = perform
    }

    static let wide: [Action] = people + Scope.runs.flatMap { agents($0) + fate($0) }
}

// MARK: What people do

extension Action {
    private static let people: [Action] = [
        Action("ada asks i1") { (machine) throws(Refusal) in try add(Scope.first, by: Scope.ada, &machine) },
        Action("bob asks i2") { (machine) throws(Refusal) in try add(Scope.second, by: Scope.bob, &machine) },
        Action("bob offers i2 to who is at work") { (machine) throws(Refusal) in
            try add(Scope.second, followUp: .steer, by: Scope.bob, &machine)
        },
        Action("ada edits i1") { (machine) throws(Refusal) in
            try add(Scope.edit, replacing: Scope.first, by: Scope.ada, &machine)
        },
        Action("bob goes back to i1") { (machine) throws(Refusal) in
            try machine.selectBranch(Scope.first, by: Scope.bob, at: Scope.time)
        },
        Action("ada withdraws i1") { (machine) throws(Refusal) in
            try machine.withdrawInput(Scope.first, by: Scope.ada, at: Scope.time)
        },
        order(0, .init(verb: .cancel, target: .run(Scope.runs[0])), by: Scope.ada),
        order(0, .init(verb: .cancel, target: .input(Scope.first)), by: Scope.bob),
        order(0, .init(verb: .cancel, target: .all), by: Scope.bob),
        order(1, .init(verb: .pause, target: .run(Scope.runs[0])), by: Scope.ada),
        order(
            1,
            .init(
                verb: .steer, target: .run(Scope.runs[0]), parts: [InputPart(text: "left")], becomesInput: true),
            by: Scope.bob),
        order(2, .init(verb: .resume, target: .run(Scope.runs[0])), by: Scope.bob),
        order(2, .init(verb: .interrupt, target: .run(Scope.runs[0])), by: Scope.ada),
        answer(0, by: Scope.ada), answer(0, by: Scope.bob), answer(1, by: Scope.bob),
        Action("bob takes over") { (machine) throws(Refusal) in
            _ = try machine.takeBaton(CommandID(unchecked: "b1"), by: Scope.bob, at: Scope.time)
        },
        Action("bob hands back") { (machine) throws(Refusal) in
            _ = try machine.returnBaton(
                CommandID(unchecked: "b2"), note: [],
                as: MessageNames(message: MessageID(unchecked: "note"), parts: []), by: Scope.bob, at: Scope.time)
        },
        Action("the next time is over") { (machine) throws(Refusal) in
            if let next = machine.nextWakeUp { machine.wake(at: next) }
        },
    ]

    static func add(
        _ input: InputID, followUp: FollowUp? = nil, replacing: InputID? = nil, by: Participant,
        _ machine: inout SessionMachine
    ) throws(Refusal) {
        _ = try machine.addInput(
            input, parts: [InputPart(text: "?")], agent: nil, followUp: followUp, replaces: replacing, by: by,
            at: Scope.time)
    }

    private static func order(_ number: Int, _ order: CommandOrder, by: Participant) -> Action {
        Action("\(by.id) says \(order.verb) to \(order.target)") { (machine) throws(Refusal) in
            _ = try machine.take(order, as: Scope.commands[number], by: by, at: Scope.time)
        }
    }

    static func answer(_ number: Int, by: Participant) -> Action {
        Action("\(by.id) answers \(Scope.requests[number])") { (machine) throws(Refusal) in
            let reply = AgentRequest.Reply(id: ReplyID(unchecked: by.id), value: Array("\"\(by.id)\"".utf8))
            _ = try machine.answer(Scope.requests[number], reply, by: by, at: Scope.time)
        }
    }
}

// MARK: What agents do

extension Action {
    private static func agents(_ run: RunID) -> [Action] {
        var actions = [
            Action("an agent takes work as \(run)") { (machine) throws(Refusal) in try takeWork(as: run, &machine) },
            Action("\(run) says something") { (machine) throws(Refusal) in try write(run, &machine) },
            Action("\(run) begins its step") { (machine) throws(Refusal) in
                try write([.stepStarted(id: StepID(unchecked: "a"))], run, &machine)
            },
            Action("\(run) ends its step") { (machine) throws(Refusal) in
                try write([.stepEnded(id: StepID(unchecked: "a"))], run, &machine)
            },
            Action("\(run) carries an order out") { (machine) throws(Refusal) in
                guard let command = machine.pendingCommands(of: run).first else { return }
                try write([.commandApplied(id: command.id)], run, &machine)
            },
            Action("\(run) asks") { (machine) throws(Refusal) in
                try ask(Scope.requests[run == Scope.runs[0] ? 0 : 1], run, &machine)
            },
            Action("\(run) is renewed") { (machine) throws(Refusal) in
                try machine.renew(run, token: current(run, machine), at: Scope.time)
            },
            Action("\(run) is adopted") { (machine) throws(Refusal) in try adopt(run, &machine) },
            end(run, as: .completed), end(run, as: .failed),
        ]
        if run == Scope.runs[1] { actions.append(startBelow) }
        return actions
    }

    static func end(_ run: RunID, as reason: Run.State) -> Action {
        Action("\(run) ends as \(reason)") { (machine) throws(Refusal) in
            _ = try machine.endRun(
                run, token: current(run, machine), reason: reason, by: .agent(Scope.agent), at: Scope.time)
        }
    }

    static let startBelow = Action("an agent starts \(Scope.runs[1]) under \(Scope.runs[0])") {
        (machine) throws(Refusal) in
        guard machine.run(Scope.runs[1]) == nil else { return }
        _ = try machine.startRun(
            request(Scope.runs[1], epoch: 1, parent: Scope.runs[0]), by: .agent(Scope.agent), at: Scope.time)
    }

    static func ask(_ request: AgentRequestID, _ run: RunID, _ machine: inout SessionMachine) throws(Refusal) {
        let opening = AgentRequest.Opening(kind: .text, prompt: "?", deadline: Scope.time)
        try write([.requestOpened(RequestDraft(id: request, opening: opening))], run, &machine)
    }

    private static func request(
        _ run: RunID, epoch: UInt64, parent: RunID? = nil, inputs: [InputID] = []
    ) -> RunRequest {
        RunRequest(
            id: run, agent: Scope.agent, parent: parent, inputs: inputs, waitsForChildren: run == Scope.runs[0],
            leaseMilliseconds: 1_000, attempts: 2,
            token: Scope.token(run, epoch: epoch))
    }

    static func takeWork(as run: RunID, _ machine: inout SessionMachine) throws(Refusal) {
        if let queued = machine.queuedRun(for: Scope.agent) {
            guard queued == run, let epoch = machine.run(run)?.epoch else { return }
            _ = try machine.startRun(request(run, epoch: epoch + 1), by: .agent(Scope.agent), at: Scope.time)
        } else if machine.run(run) == nil, let input = machine.claimableInput(for: Scope.agent) {
            _ = try machine.startRun(request(run, epoch: 1, inputs: [input]), by: .agent(Scope.agent), at: Scope.time)
        }
    }

    /// One message in each epoch; the second time it is ended.
    private static func write(_ run: RunID, _ machine: inout SessionMachine) throws(Refusal) {
        let epoch = machine.run(run)?.epoch ?? 0
        let message = MessageID(unchecked: "\(run)-m\(epoch)")
        let known = machine.allMessages.first { $0.id == message }
        guard known?.status ?? .streaming == .streaming else { return }
        try write(known == nil ? [.messageStarted(id: message)] : [.messageEnded(id: message)], run, &machine)
    }

    static func write(
        _ events: [AgentEvent], _ run: RunID, _ machine: inout SessionMachine
    ) throws(Refusal) {
        _ = try machine.write(events, run: run, token: current(run, machine), number: nil, at: Scope.time)
    }

    /// At most one process after another, so that there is an end to the epochs.
    static func adopt(_ run: RunID, _ machine: inout SessionMachine) throws(Refusal) {
        guard let epoch = machine.run(run)?.epoch, epoch < 3 else { return }
        _ = try machine.adopt(
            run, token: current(run, machine), request: WorkID(unchecked: "adopt-\(epoch)"),
            newToken: Scope.token(run, epoch: epoch + 1), leaseMilliseconds: 1_000, by: .agent(Scope.agent),
            at: Scope.time)
    }

    static func current(_ run: RunID, _ machine: SessionMachine) -> String {
        Scope.token(run, epoch: machine.run(run)?.epoch ?? 0)
    }
}

// MARK: What happens

extension Action {
    static func fate(_ run: RunID) -> [Action] {
        [
            Action("the lease of \(run) runs out") { (machine) throws(Refusal) in
                machine.expireLease(of: run, at: Scope.time)
            },
            Action("the pause of \(run) ends") { (machine) throws(Refusal) in machine.endPause(of: run) },
            Action("the holder of \(run) is told") { (machine) throws(Refusal) in
                machine.holderTold(of: run, at: Scope.time)
            },
        ]
    }
}
