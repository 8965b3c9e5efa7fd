import ThroughlineCore

/// What decides how a session can go on, without times and numbers of events: two histories that lead to the same are one state.
struct StateView: Hashable {
    struct RunView: Hashable {
        var state: Run.State
        var epoch: UInt64
        var attempt: Int
        var token: String
        var isUntold: Bool
        var waiting: String?
        /// Whether its agent may write.
        var isHeld: Bool
        var pending: [CommandID]
        var isReady: Bool
        var steps: [PieceStatus]
    }

    struct InputView: Hashable {
        var state: Input.State
        var run: RunID?
        var previous: InputID?
    }

    struct RequestView: Hashable {
        var state: AgentRequest.State
        /// Who answered.
        var winner: String?
    }

    var runs: [RunID: RunView] = [:]
    var inputs: [InputID: InputView] = [:]
    var commands: [CommandID: Command.State] = [:]
    var requests: [AgentRequestID: RequestView] = [:]
    var operatorInCharge: String?
    var messages: [MessageID: PieceStatus] = [:]
    var superseded: Set<MessageID> = []
    var claimable: InputID?
    var branches: [Branch] = []
    var isOpen = true

    init(_ machine: SessionMachine) {
        let untold = Set(machine.untoldRuns)
        let pausing = Set(machine.queuedRunPauses.map(\.run))
        for id in Scope.runs {
            guard let run = machine.run(id) else { continue }
            runs[id] = RunView(
                state: run.state, epoch: run.epoch, attempt: run.attempt, token: machine.lease(of: id)?.token ?? "",
                isUntold: untold.contains(id),
                waiting: run.waiting, isHeld: run.isHeldByAgent, pending: machine.pendingCommands(of: id).map(\.id),
                isReady: run.state == .queued && !pausing.contains(id),
                steps: run.steps.map(\.status))
        }
        for input in machine.allInputs {
            inputs[input.id] = InputView(state: input.state, run: input.run, previous: input.previous)
        }
        for command in machine.allCommands { commands[command.id] = command.state }
        for id in Scope.requests {
            guard let request = machine.request(id) else { continue }
            requests[id] = RequestView(state: request.state, winner: request.answer?.by.id)
        }
        operatorInCharge = machine.baton?.by.id
        for message in machine.allMessages {
            messages[message.id] = message.status
            if message.isSuperseded { superseded.insert(message.id) }
        }
        claimable = machine.claimableInput(for: Scope.agent)
        branches = machine.allBranches
        isOpen = machine.info.state == .open
    }
}
