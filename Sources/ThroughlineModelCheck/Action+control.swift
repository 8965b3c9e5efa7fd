import ThroughlineCore

/// What happens in the model of control: each time with the next of the names that are not used yet.
extension Action {
    static func control(_ bounds: Bounds) -> [Action] {
        [
            Action("ada asks") { (machine) throws(Refusal) in
                guard let input = bounds.inputs.first(where: { machine.input($0) == nil }) else { return }
                try add(input, by: Scope.ada, &machine)
            },
            Action("bob takes over") { (machine) throws(Refusal) in
                _ = try machine.takeBaton(batonCommand(machine), by: Scope.bob, at: Scope.time)
            },
            Action("bob hands back") { (machine) throws(Refusal) in
                let note = MessageNames(message: MessageID(unchecked: "note-\(machine.tail)"), parts: [])
                _ = try machine.returnBaton(batonCommand(machine), note: [], as: note, by: Scope.bob, at: Scope.time)
            },
            Action("an agent takes work") { (machine) throws(Refusal) in
                let next = machine.queuedRun(for: Scope.agent) ?? bounds.runs.first { machine.run($0) == nil }
                if let next { try takeWork(as: next, &machine) }
            },
        ] + orders(bounds) + answers(bounds) + bounds.runs.flatMap { agents(of: $0, bounds) + fate($0) } + times(bounds)
    }

    /// There is no end to them, and each is over at once.
    private static func batonCommand(_ machine: SessionMachine) -> CommandID {
        CommandID(unchecked: "baton-\(machine.tail)")
    }

    private static func orders(_ bounds: Bounds) -> [Action] {
        var orders: [(CommandOrder, Participant)] = [
            (.init(verb: .cancel, target: .all), Scope.bob), (.init(verb: .cancel, target: .mine), Scope.ada),
            (.init(verb: .cancel, target: .input(Scope.first)), Scope.ada),
        ]
        for run in bounds.runs {
            let words = [InputPart(text: "left")]
            orders += [
                (.init(verb: .cancel, target: .run(run)), Scope.ada),
                (.init(verb: .pause, target: .run(run)), Scope.ada),
                (.init(verb: .resume, target: .run(run)), Scope.bob),
                (.init(verb: .interrupt, target: .run(run)), Scope.bob),
                (.init(verb: .steer, target: .run(run), parts: words, becomesInput: true), Scope.ada),
            ]
        }
        return orders.map { order, by in
            Action("\(by.id) says \(order.verb) to \(order.target)") { (machine) throws(Refusal) in
                guard let id = bounds.commands.first(where: { machine.command($0) == nil }) else { return }
                _ = try machine.take(order, as: id, by: by, at: Scope.time)
            }
        }
    }

    private static func answers(_ bounds: Bounds) -> [Action] {
        bounds.requests.indices.flatMap { [answer($0, by: Scope.ada), answer($0, by: Scope.bob)] }
    }

    private static func agents(of run: RunID, _ bounds: Bounds) -> [Action] {
        var actions = [
            Action("\(run) asks") { (machine) throws(Refusal) in
                guard let request = bounds.requests.first(where: { machine.request($0) == nil }) else { return }
                try ask(request, run, &machine)
            },
            Action("\(run) takes what it asked back") { (machine) throws(Refusal) in
                guard let open = machine.allRequests.first(where: { $0.run == run && $0.state == .open }) else {
                    return
                }
                try write([.requestWithdrawn(id: open.id)], run, &machine)
            },
            Action("\(run) waits for something") { (machine) throws(Refusal) in
                try write([.runWaiting(reason: "rate limit")], run, &machine)
            },
            Action("\(run) goes on by itself") { (machine) throws(Refusal) in
                try write([.runResumed], run, &machine)
            },
            Action("\(run) is renewed") { (machine) throws(Refusal) in
                try machine.renew(run, token: current(run, machine), at: Scope.time)
            },
            Action("\(run) is adopted") { (machine) throws(Refusal) in try adopt(run, &machine) },
            end(run, as: .completed), end(run, as: .failed),
        ]
        for command in bounds.commands {
            actions.append(
                Action("\(run) carries \(command) out") { (machine) throws(Refusal) in
                    try write([.commandApplied(id: command)], run, &machine)
                })
        }
        if run == Scope.runs[1] { actions.append(startBelow) }
        return actions
    }

    /// Time, in any order: a request may be over before a command, and the baton before either.
    private static func times(_ bounds: Bounds) -> [Action] {
        let names =
            bounds.commands.map { "command \($0)" } + bounds.requests.map { "request \($0)" } + ["baton"]
        return names.map { name in
            Action("the time of \(name) is over") { (machine) throws(Refusal) in
                machine.letBeDue(name, at: Scope.time)
            }
        }
    }
}
