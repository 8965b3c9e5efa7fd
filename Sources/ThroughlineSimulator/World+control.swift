import ThroughlineCore
import ThroughlineEngine

/// What has to hold of live control at the end, when all who took part are silent.
extension World {
    /// A run that lives longer than all others, and the requests that it has opened.
    struct LastRequests {
        var session: SessionModel
        var run: RunID
        var token: String
        var requests: [AgentRequestID]
    }

    /// Opens requests that nobody will answer, in runs that do not end before them.
    func askOnceMore(_ server: SimulatedServer) -> [LastRequests] {
        settle(server)
        var asked: [LastRequests] = []
        let patient = oracle.sessions.filter { $0.state.session["policies"]?["orphan"] == nil }
        for session in patient.suffix(3) where !session.isErased && !session.isCloseAsked {
            let run = RunID("last-run-\(session.id)")!
            let start = Operation.StartRun(id: run, agent: AgentName("last")!, leaseMilliseconds: 60_000)
            guard let answer = ask(.startRun(start), of: session, server),
                let token = (try? JSONDocument.parse(answer.body))?["lease"]?["token"]?.string
            else { continue }
            let last = LastRequests(
                session: session, run: run, token: token,
                requests: (1...2).map { AgentRequestID("last-\(session.id)-\($0)")! })
            if open(last, server) { asked.append(last) }
        }
        return asked
    }

    private func open(_ last: LastRequests, _ server: SimulatedServer) -> Bool {
        var model = SessionModel.RunModel()
        model.sent = [last.requests.map { "request \($0)" }]
        model.endsAsked = ["completed"]
        last.session.runs[Hold(run: last.run.value, epoch: 1)] = model
        let events = last.requests.enumerated().map { index, id in
            var opening = AgentRequest.Opening(kind: .text, prompt: "who?", deadline: Timestamp(milliseconds: 0))
            if index == 0 { opening.fallback = Array("\"nobody\"".utf8) }
            return AgentEvent.requestOpened(RequestDraft(id: id, opening: opening, milliseconds: 1_500))
        }
        let write = Operation.Write(run: last.run, token: last.token, number: 1, events: events)
        return ask(.write(write), of: last.session, server) != nil
    }

    /// The deadlines are long over: each request has its end, and the default where there is one.
    func checkLastRequests(_ server: SimulatedServer, _ asked: [LastRequests]) {
        for last in asked {
            oracle.check { () throws(Violation) in
                try oracle.catchUp(last.session, server)
                for (index, id) in last.requests.enumerated() {
                    let request = last.session.state.requests.byID[id.value]
                    guard request?["state"]?.text == "expired", (request?["answer"] != nil) == (index == 0) else {
                        throw Violation(
                            "\(last.session.id): request \(id) is past its deadline and is \(request as Any)")
                    }
                }
            }
            let end = Operation.EndRun(run: last.run, token: last.token, reason: .completed)
            if ask(.endRun(end), of: last.session, server) == nil { oracle.fail("the run \(last.run) cannot end") }
        }
    }

    /// Twice as long as a lease nobody was heard (a session that could not be written is read again after a second, and gives
    /// each of its runs a whole lease): no run is in the hands of its agent any more.
    func checkLeases(_ server: SimulatedServer, but asked: [LastRequests]) {
        let living = Set(asked.map(\.run.value))
        for session in oracle.sessions {
            oracle.check { () throws(Violation) in
                try oracle.catchUp(session, server)
                guard !session.isErased else { return }
                for run in session.state.runs.all where run["waiting"]?.text != "children" {
                    let id = run["id"]?.text ?? ""
                    if session.state.isActive(run: id), !living.contains(id) {
                        throw Violation("\(session.id): run \(id) goes on, and its agent is silent for 3,000 ms")
                    }
                }
            }
        }
    }

    private func ask(_ operation: Operation, of session: SessionModel, _ server: SimulatedServer) -> Answer? {
        let found = Box<Answer?>(nil)
        server.engine.perform(operation, on: session.id, by: .agent(AgentName("last")!)) { result in
            if case .success(let answer) = result { found.value = answer }
        }
        settle(server)
        return found.value
    }

    /// Counts what only the history tells.
    func countOutcomes() {
        for session in oracle.sessions {
            let state = session.state
            for request in state.requests.all where request["id"]?.text.hasPrefix("last-") == false {
                switch request["state"]?.text {
                case "expired": counts.add(.requestExpired)
                case "withdrawn": counts.add(.requestWithdrawn)
                default: break
                }
            }
            counts.add(.batonTimedOut, state.batonTimeouts)
            for run in state.runs.all {
                let id = run["id"]?.text ?? ""
                if run["parent"] != nil { counts.add(.runBelow) }
                if state.held[id] == run["state"]?.text { counts.add(.runWaited) }
                let above = run["parent"].flatMap { state.stateOf(run: $0.text) }
                if above == "cancelled", run["state"]?.text == "cancelled" { counts.add(.familyStopped) }
                if run["error"]?["code"]?.text == "budget_exceeded" { counts.add(.budgetExceeded) }
            }
            counts.add(.runOrphaned, state.commands.order.count { $0.hasPrefix("orphan-") })
            for command in state.commands.all {
                guard let input = command["target"]?["input"]?.text, let added = state.inputs.byID[input],
                    added["state"]?.text == "withdrawn", added["seq"]?.number ?? 0 > command["seq"]?.number ?? 0
                else { continue }
                counts.add(.earlyCancel)
            }
        }
    }
}
