import NIOCore
import ThroughlineCore
import ThroughlineEngine
import ThroughlineStorage
import ThroughlineTestKit

extension World {
    /// After the last step nothing goes wrong any more: then everything that was begun has to come to its end.
    func finish() {
        disk.plan = FaultPlan()
        disk.plan.isPaused = true
        if let server, disk.ending != nil || server.failure.value != nil {
            disk.die(.kill)
            takeDown()
        }
        disk.plan.isPaused = true
        if server == nil { restart() }
        guard let server, oracle.violation == nil else { return oracle.fail("the server does not come up at the end") }
        disk.plan.isPaused = true
        letters = []
        // The wall clock is ahead of all that it has shown before: what is due in two seconds is due then.
        clock.wallOffset += 10 * 24 * 3_600_000
        let asked = askOnceMore(server)
        passTime(server, milliseconds: 3_000)
        checkLeases(server, but: asked)
        passTime(server, milliseconds: 3_000)
        checkLastRequests(server, asked)
        letCommandsExpire(server)
        checkRuns(server)
        answerAll(server)
        guard oracle.violation == nil else { return }
        oracle.audit(server)
        countOutcomes()
        for session in oracle.sessions where session.isErased { oracle.checkGone(session, server) }
        losePowerOnceMore()
    }

    /// Lets everything go on that can, until nothing does.
    func settle(_ server: SimulatedServer) {
        for _ in 0..<10_000 {
            var isBusy = server.stepWriter()
            isBusy = server.store.stepPool() || isBusy
            isBusy = server.stepRead() || isBusy
            isBusy = server.store.stepMover() || isBusy
            isBusy = !arrived.value.isEmpty || isBusy
            deliver()
            guard isBusy else { return }
        }
        oracle.fail("the server does not come to rest")
    }

    private func passTime(_ server: SimulatedServer, milliseconds: Int) {
        for _ in 0..<milliseconds / 200 {
            clock.advance(microseconds: 200_000)
            server.runTimers()
            settle(server)
        }
    }

    /// The wall clock may have gone back since they were given: it goes on to where all of them are over.
    private func letCommandsExpire(_ server: SimulatedServer) {
        clock.wallOffset += 100 * 24 * 3_600_000
        for session in oracle.sessions {
            server.engine.snapshot(of: session.id, SnapshotPage(messages: 0), by: .server) { _ in }
        }
        settle(server)
        passTime(server, milliseconds: 1_000)
    }

    /// All agents were silent for longer than any lease.
    private func checkRuns(_ server: SimulatedServer) {
        for session in oracle.sessions {
            oracle.check { () throws(Violation) in
                try oracle.catchUp(session, server)
                guard !session.isErased else { return }
                if let baton = session.state.baton {
                    throw Violation("\(session.id): \(baton["by"]?["id"]?.text ?? "") says nothing and keeps the baton")
                }
                if let request = session.state.openRequests.first {
                    throw Violation("\(session.id): request \(request) never ends")
                }
                for run in session.state.runs.all where session.state.isActive(run: run["id"]?.text ?? "") {
                    throw Violation("\(session.id): run \(run["id"]?.text ?? "") outlives its agent")
                }
                for command in session.state.commands.all
                where !["applied", "rejected", "expired"].contains(command["state"]?.text ?? "") {
                    throw Violation("\(session.id): command \(command["id"]?.text ?? "") is never applied")
                }
            }
        }
    }

    /// Takes all the work there is: then no input may be left.
    private func answerAll(_ server: SimulatedServer) {
        for number in 0..<2_000 {
            guard let work = takeWork(number, server) ?? takeWorkLater(number, server) else { break }
            let session = oracle.model(work.session)
            let hold = Hold(run: work.run.value, epoch: Int(work.epoch))
            if session.runs[hold] == nil { session.runs[hold] = SessionModel.RunModel() }
            session.runs[hold]!.endsAsked.insert("completed")
            let done = Box<Refusal?>(nil)
            let end = Operation.EndRun(run: work.run, token: work.token, reason: .completed)
            server.engine.perform(.endRun(end), on: work.session, by: .server) { result in
                if case .failure(let refusal) = result { done.value = refusal }
            }
            settle(server)
            if let refusal = done.value { return oracle.fail("\(work.session): the last run is refused: \(refusal)") }
        }
        for session in oracle.sessions where !session.isCloseAsked {
            oracle.check { () throws(Violation) in
                try oracle.catchUp(session, server)
                guard !session.isErased else { return }
                for input in session.state.inputs.all where input["state"]?.text == "queued" {
                    throw Violation("\(session.id): input \(input["id"]?.text ?? "") is never answered")
                }
                for run in session.state.runs.all where run["state"]?.text == "queued" {
                    throw Violation("\(session.id): run \(run["id"]?.text ?? "") is never taken on")
                }
            }
        }
    }

    /// A queued run whose session had left memory waits out its pause, when its clock went back the whole of it.
    private func takeWorkLater(_ number: Int, _ server: SimulatedServer) -> WorkAnswer? {
        passTime(server, milliseconds: 4_000)
        return takeWork(number, server)
    }

    private func takeWork(_ number: Int, _ server: SimulatedServer) -> WorkAnswer? {
        for name in ["a0", "a1"] {
            let found = Box<WorkAnswer?>(nil)
            server.engine.takeWork(
                WorkID("last-\(number)-\(name)")!, agent: AgentName(name)!, wait: .zero, leaseMilliseconds: 5_000,
                by: .server
            ) { result in
                if case .success(let answer) = result { found.value = answer }
            }
            settle(server)
            server.runTimers()
            settle(server)
            if let work = found.value { return work }
        }
        return nil
    }

    /// What is there after all that is still there after a loss of power.
    private func losePowerOnceMore() {
        disk.die(.powerLoss)
        takeDown()
        disk.plan.isPaused = true
        restart()
        guard let server, oracle.violation == nil else {
            return oracle.fail("the server does not come up after the end")
        }
        disk.plan.isPaused = true
        settle(server)
        for session in oracle.sessions where session.isErased { oracle.checkGone(session, server) }
        server.end()
        self.server = nil
    }
}
