import ThroughlineCore

/// A rule that was broken.
struct Violation: Error {
    var rule: String
}

/// What holds of every step, and of every state.
enum Rules {
    /// Compares a state with the one before, and with what was emitted in between.
    static func check(_ before: StateView, _ after: StateView, _ events: [Event]) throws(Violation) {
        for (id, run) in after.runs {
            try require(
                isLegal(before.runs[id]?.state, run.state),
                "run \(id) from \(before.runs[id]?.state.rawValue ?? "nothing") to \(run.state)")
            try require(run.epoch >= before.runs[id]?.epoch ?? 1, "run \(id) goes back to epoch \(run.epoch)")
            try require(run.attempt <= 2, "run \(id) is at attempt \(run.attempt) of 2")
        }
        for (id, input) in after.inputs {
            try require(
                isLegal(before.inputs[id]?.state, input.state),
                "input \(id) from \(before.inputs[id]?.state.rawValue ?? "nothing") to \(input.state)")
            let former = before.inputs[id]?.run
            try require(
                former == nil || former == input.run || before.inputs[id]?.state == .steering,
                "input \(id) moves to another run")
        }
        for (id, state) in after.commands {
            try require(
                isLegal(before.commands[id], state),
                "command \(id) from \(before.commands[id]?.rawValue ?? "nothing") to \(state)")
        }
        for (id, request) in after.requests {
            let known = before.requests[id]
            try require(
                known == nil || known?.state == .open || known == request, "request \(id) changes after its end")
            try require((request.winner != nil) == (request.state == .resolved), "request \(id) is \(request.state)")
        }
        for (id, status) in before.messages where status != .streaming {
            try require(after.messages[id] == status, "message \(id) changes after its end")
        }
        try check(events, before)
    }

    private static func check(_ events: [Event], _ before: StateView) throws(Violation) {
        var ended = Set(before.runs.filter { $0.value.state.isOver }.keys)
        var settled = Set(before.requests.filter { $0.value.state != .open }.keys)
        for case .request(let change) in events.map(\.body) {
            switch change {
            case .resolved(let id, _), .expired(let id, _), .withdrawn(let id, _):
                try require(settled.insert(id).inserted, "request \(id) is settled twice")
            case .opened(let id, _, _): try require(!settled.contains(id), "request \(id) is opened after its end")
            }
        }
        for event in events {
            let run: RunID? =
                switch event.body {
                case .runStarted(let start): start.id
                case .runQueued(let wait): wait.id
                case .runAdopted(let id, _, _): id
                case .runEnded(let end): end.id
                case .runWaiting(let wait): wait.id
                case .runResumed(let id, _): id
                case .request(.opened(_, let run, _)): run
                case .messageStarted(_, let run, _, _, _, _): run
                case .stepStarted(_, let run, _, _), .stepEnded(_, let run, _): run
                default: nil
                }
            guard let run else { continue }
            try require(!ended.contains(run), "\(event.body.type) of run \(run) after its end")
            if case .runEnded = event.body { ended.insert(run) }
        }
    }

    private static func isLegal(_ before: Run.State?, _ after: Run.State) -> Bool {
        switch (before, after) {
        case (nil, .active): true
        case (.active?, _), (.waiting?, _): true
        case (.queued?, .queued), (.queued?, .active), (.queued?, .cancelled): true
        case (let before?, _): before == after
        case (nil, _): false
        }
    }

    private static func isLegal(_ before: Input.State?, _ after: Input.State) -> Bool {
        switch (before, after) {
        case (nil, .queued), (nil, .steering), (nil, .withdrawn): true
        case (.steering?, .steering), (.steering?, .queued), (.steering?, .withdrawn): true
        // Taken in, and its run may end in the same step.
        case (.steering?, .claimed): true
        case (.queued?, .queued), (.queued?, .claimed), (.queued?, .withdrawn): true
        case (.claimed?, .claimed), (.claimed?, .answered), (.claimed?, .unanswered), (.claimed?, .cancelled): true
        case (let before?, _): before == after
        case (nil, _): false
        }
    }

    /// Requested is never seen from outside: it is decided in the same step.
    private static func isLegal(_ before: Command.State?, _ after: Command.State) -> Bool {
        switch (before, after) {
        case (nil, .accepted), (nil, .rejected), (nil, .applied): true
        case (.accepted?, .accepted), (.accepted?, .applied), (.accepted?, .expired): true
        case (let before?, _): before == after
        case (nil, _): false
        }
    }

    /// What holds of a state by itself.
    static func check(_ machine: SessionMachine, _ view: StateView) throws(Violation) {
        for (id, run) in view.runs {
            for epoch in 0..<run.epoch { try requireFenced(machine, id, Scope.token(id, epoch: epoch)) }
            if run.state == .queued { try requireFenced(machine, id, Scope.token(id, epoch: run.epoch)) }
            if run.state.isOver || run.state == .queued {
                let open = machine.allMessages.first { $0.run == id && $0.status == .streaming }
                try require(open == nil, "run \(id) is \(run.state) and has a message open")
                try require(!run.steps.contains(.streaming), "run \(id) is \(run.state) and has a step open")
            }
            let isLeft = run.state.isOver || run.state == .queued
            let asks = machine.allRequests.contains { $0.run == id && $0.state == .open }
            try require(!isLeft || !asks, "run \(id) is \(run.state) and has a request open")
            try require(!run.state.isOver || run.pending.isEmpty, "run \(id) is over and has orders")
            if run.isUntold { try require(run.state == .cancelled, "run \(id) is \(run.state) and untold") }
        }
        for (id, input) in view.inputs {
            let isHeld = input.run.flatMap { view.runs[$0]?.state }.map { !$0.isOver } ?? false
            try require(
                (input.state == .claimed || input.state == .steering) == isHeld,
                "input \(id) is \(input.state), its run is held: \(isHeld)")
        }
        for message in machine.allMessages where message.isSuperseded {
            try require(message.status != .streaming, "message \(message.id) is superseded and open")
        }
        for branch in view.branches {
            let all = branch.siblings.allSatisfy { view.inputs[$0]?.state == .withdrawn }
            let isWithdrawn = view.inputs[branch.selected]?.state == .withdrawn
            try require(!isWithdrawn || all, "a withdrawn input is followed beside one that is not")
        }
    }

    /// Who does not hold the run can do nothing with it.
    private static func requireFenced(_ machine: SessionMachine, _ run: RunID, _ token: String) throws(Violation) {
        let attempts: [(String, (inout SessionMachine) throws(Refusal) -> Void)] = [
            (
                "writes",
                { (machine) throws(Refusal) in
                    _ = try machine.write(
                        [.messageStarted(id: MessageID(unchecked: "late"))], run: run, token: token, number: nil,
                        at: Scope.time)
                }
            ),
            ("renews", { (machine) throws(Refusal) in try machine.renew(run, token: token, at: Scope.time) }),
            (
                "ends",
                { (machine) throws(Refusal) in
                    _ = try machine.endRun(
                        run, token: token, reason: .completed, by: .agent(Scope.agent), at: Scope.time)
                }
            ),
        ]
        for (name, attempt) in attempts {
            var copy = machine
            do throws(Refusal) {
                try attempt(&copy)
            } catch {
                try require(error.code == .runFenced, "a former holder of \(run) \(name) and hears \(error.code)")
                continue
            }
            throw Violation(rule: "a former holder of \(run) \(name)")
        }
    }

    /// Whoever says again what has been said changes nothing, whatever it came to.
    static func checkRetries(_ machine: SessionMachine) throws(Violation) {
        for command in machine.allCommands {
            var copy = machine
            let isNew =
                switch command.verb {
                case .takeover: (try? copy.takeBaton(command.id, by: Scope.bob, at: Scope.time)) ?? true
                case .handback:
                    (try? copy.returnBaton(
                        command.id, note: [], as: MessageNames(message: MessageID(unchecked: "again"), parts: []),
                        by: Scope.bob, at: Scope.time)) ?? true
                default: (try? copy.take(command.order, as: command.id, by: command.by, at: Scope.time)) ?? true
                }
            try require(!isNew && copy.drain() == nil, "command \(command.id) does something again")
        }
        for request in machine.allRequests where request.state != .open {
            for by in [Scope.ada, Scope.bob] {
                var copy = machine
                let reply = AgentRequest.Reply(id: ReplyID(unchecked: by.id), value: Array("\"\(by.id)\"".utf8))
                let isNew = (try? copy.answer(request.id, reply, by: by, at: Scope.time)) ?? false
                let isRetry = request.answer?.by.id == by.id && request.state == .resolved
                try require(!isNew && copy.drain() == nil, "request \(request.id) is answered again")
                if isRetry {
                    try require(
                        (try? copy.answer(request.id, reply, by: by, at: Scope.time)) == false,
                        "the answer to \(request.id) is not known again")
                }
            }
        }
    }

    /// Whatever has begun comes to an end by itself when all agents are gone and time passes.
    static func checkEnd(_ machine: SessionMachine) throws(Violation) {
        var machine = machine
        passTime(&machine)
        for _ in 0..<8 {
            for run in Scope.runs {
                machine.endPause(of: run)
                if machine.run(run)?.state == .queued, let epoch = machine.run(run)?.epoch {
                    let request = RunRequest(
                        id: run, agent: Scope.agent, leaseMilliseconds: 1_000,
                        token: Scope.token(run, epoch: epoch + 1))
                    guard (try? machine.startRun(request, by: .agent(Scope.agent), at: Scope.time)) == true else {
                        throw Violation(rule: "run \(run) waits and cannot be taken on")
                    }
                }
                machine.expireLease(of: run, at: Scope.time)
            }
        }
        passTime(&machine)
        for run in Scope.runs {
            guard let state = machine.run(run)?.state else { continue }
            try require(state.isOver, "run \(run) outlives all agents")
        }
        for command in machine.allCommands {
            try require(command.state.isFinal, "command \(command.id) is \(command.state) for ever")
        }
        for request in machine.allRequests {
            try require(request.state != .open, "request \(request.id) is open for ever")
        }
        for input in machine.allInputs {
            let isLeft = input.state == .claimed || input.state == .steering
            try require(!isLeft, "input \(input.id) is \(input.state) for ever")
        }
        try require(machine.baton == nil, "an operator answers for ever")
        try require(machine.nextWakeUp == nil, "the session has something to do for ever")
    }

    /// Until there is nothing left that comes with time.
    private static func passTime(_ machine: inout SessionMachine) {
        for _ in 0..<20 {
            guard let next = machine.nextWakeUp else { return }
            machine.wake(at: next)
        }
    }

    static func require(_ condition: Bool, _ rule: @autoclosure () -> String) throws(Violation) {
        if !condition { throw Violation(rule: rule()) }
    }
}
