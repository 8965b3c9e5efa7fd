import NIOCore
import ThroughlineCore
import ThroughlineEngine
import ThroughlineTestKit

/// Takes work and answers it: several writes in flight, repeats after silence, goes on after a restart of the server, and now
/// and then falls silent for too long, or for good.
final class Agent {
    private unowned let world: World
    private let name: AgentName
    private let index: Int
    private var job: Job?
    /// The request with which it takes its run over, as another process of it would.
    private var adoption: WorkID?
    private var work: WorkID?
    private var calls: [Call] = []
    private var number = 0
    private var pausedUntil: Int64 = 0
    private var server = 0
    /// Until then it does not try to write: an operator has the baton.
    private var heldUntil: Int64 = 0

    init(_ index: Int, _ world: World) {
        self.index = index
        self.world = world
        name = AgentName("a\(index % 2)")!
    }

    private var participant: Participant { .agent(name) }
    private var leaseMilliseconds: Int64 { Self.leaseMilliseconds }
    static let leaseMilliseconds: Int64 = 1_500
    /// It was frozen past its lease, and nobody has told it yet.
    private var wasFrozen = false

    func act() {
        guard world.now >= pausedUntil else { return }
        calls.removeAll { $0.isAnswered }
        if job == nil { return seekWork() }
        if let adoption { return adopt(adoption) }
        if calls.contains(where: world.isOverdue) { return sendAgain() }
        guard calls.count < 3, let job else { return }
        switch world.random.below(40) {
        case 0: pause(job)
        case 1: crash()
        case 2, 3: beat(job)
        case 5, 6, 7, 8: if calls.isEmpty, job.isCertain, !job.hasGivenUp { beginAdoption() } else { beat(job) }
        // One that is paused does not wait for ever.
        case 4 where job.lastBeforePause != nil: leave()
        case 5...6 where job.isWaitingForAnswer: self.job?.waitNoMore()
        case _ where job.isWaitingForAnswer || world.now < heldUntil: beat(job)
        default:
            if job.hasMore { return write(job.sent + 1) }
            job.lastBeforePause == nil ? end(job) : beat(job)
        }
    }

    private func crash() {
        world.counts.add(.agentCrashed)
        leave()
    }

    private func pause(_ job: Job) {
        world.counts.add(.agentPaused)
        wasFrozen = true
        pausedUntil = world.now + job.lease + Int64(world.random.below(1_000))
    }

    /// The agent is gone, and says so to nobody.
    private func leave() {
        wasFrozen = false
        job = nil
        work = nil
        adoption = nil
        calls = []
    }

    private func sendAgain() {
        world.counts.add(.retry)
        if server != world.disk.generation { world.counts.add(.agentResumed) }
        calls = []
        if let job { self.job?.sent = min(job.acknowledged, job.writes.count) }
    }

    // MARK: Work

    private func seekWork() {
        if let call = calls.first {
            guard world.isOverdue(call) else { return }
            world.counts.add(.retry)
            calls = []
        } else if world.random.chance(4), let session = world.anySession() {
            return startRun(session)
        }
        if work == nil {
            number += 1
            work = WorkID("w\(index)-\(number)")
        }
        guard let work else { return }
        let attempts = number % 4 == 0 ? 1 : 3
        let call: Call? = world.call { server, done in
            server.engine.takeWork(
                work, agent: name, wait: .milliseconds(300), leaseMilliseconds: leaseMilliseconds,
                attempts: attempts, by: participant,
                then: done)
        } seen: { [unowned self] (result: Result<WorkAnswer?, Refusal>, server) in
            see(result, server)
        } then: { [unowned self] result in
            guard self.work == work, job == nil else { return }
            if case .success(let answer?) = result {
                hold(world.oracle.model(answer.session), answer.run, answer.epoch, answer.token)
            }
            self.work = nil
            calls = []
        }
        if let call { calls = [call] }
    }

    private func see(_ result: Result<WorkAnswer?, Refusal>, _ server: SimulatedServer) {
        guard case .success(let answer?) = result else { return }
        let session = world.oracle.model(answer.session)
        let hold = Hold(run: answer.run.value, epoch: Int(answer.epoch))
        if session.runs[hold] == nil { session.runs[hold] = SessionModel.RunModel() }
        requireRun(answer.run, session, server)
    }

    /// A run that was given out is durable.
    private func requireRun(_ run: RunID, _ session: SessionModel, _ server: SimulatedServer) {
        guard !server.isClosed else { return }
        world.oracle.check { () throws(Violation) in
            try world.oracle.catchUp(session, server)
            if !session.isErased, session.state.stateOf(run: run.value) == nil {
                throw Violation("\(session.id): run \(run) was given out and is not in the history")
            }
        }
    }

    /// A run by itself, with an id of its own, so that it can be asked for again.
    private func startRun(_ session: SessionModel) {
        number += 1
        let run = RunID("a\(index)-r\(number)")!
        session.runs[Hold(run: run.value, epoch: 1)] = SessionModel.RunModel()
        var start = Operation.StartRun(
            id: run, agent: name, parent: world.random.chance(4) ? nil : session.someActiveRun(&world.random),
            waitsForChildren: !world.random.chance(3), leaseMilliseconds: leaseMilliseconds)
        if world.random.chance(4) {
            let json = world.random.chance(2) ? #"{"seconds":1}"# : #"{"tokens":100}"#
            start.budget = (try? JSONDocument.parse(Array(json.utf8))).flatMap { RunBudget($0) }
        }
        let call = perform(.startRun(start), session) { [unowned self] answer, server in
            requireRun(run, session, server)
            _ = answer
        } then: { [unowned self] result in
            guard job == nil, case .success(let answer) = result else { return }
            let body = try? JSONDocument.parse(answer.body)
            hold(session, run, 1, body?["lease"]?["token"]?.string ?? "")
            if start.budget?.tokens != nil { job?.used = 0 }
        }
        if let call { calls = [call] }
    }

    private func hold(_ session: SessionModel, _ run: RunID, _ epoch: UInt64, _ token: String) {
        wasFrozen = false
        world.tokens[run] = token
        if epoch > 1 { world.counts.add(.runHandedOn) }
        world.writeLate(run)
        job = Job(
            session: session, run: run, epoch: epoch, token: token, lease: leaseMilliseconds,
            pieces: world.isNarrow ? 24 : 3,
            &world.random)
        calls = []
    }

    // MARK: Writes

    private func write(_ number: Int) {
        guard var job else { return }
        job.willSend(number)
        job.sent = number
        self.job = job
        let write = Operation.Write(
            run: job.run, token: job.token, number: UInt64(number), events: job.writes[number - 1])
        send(.write(write), job) { answer throws(Violation) in
            if (answer.written ?? 0) < UInt64(number) {
                throw Violation("write \(number) of run \(job.run) was answered with \(answer.written ?? 0)")
            }
            let before = job.session.runs[job.hold]!.acknowledged
            job.session.runs[job.hold]!.acknowledged = max(before, number)
        } then: { [unowned self] answer in
            let before = self.job?.acknowledged ?? 0
            self.job?.acknowledged = max(before, number)
            hear(answer)
        }
    }

    private func hear(_ answer: Answer) {
        guard let body = try? JSONDocument.parse(answer.body) else { return }
        job?.hear(body["commands"])
        guard let job else { return }
        for request in body["requests"]?.elements ?? [] {
            self.job?.hear(ofRequest: request["id"]?.string ?? "")
            world.oracle.checkShown(Plain(request), job.session, world.server)
        }
    }

    private func beat(_ job: Job) {
        var operation = Operation.heartbeat(run: job.run, token: job.token)
        if let used = job.used {
            self.job?.used = used + world.random.below(60)
            operation = .spend(run: job.run, token: job.token, usage: Array("{\"tokens\":\(used)}".utf8))
        }
        send(operation, job) { _ in
        } then: { [unowned self] in
            hear($0)
        }
    }

    private func beginAdoption() {
        number += 1
        adoption = WorkID("adoption-\(index)-\(number)")
    }

    /// Asks until it is answered: only then there is a token to write with.
    private func adopt(_ request: WorkID) {
        guard let job else { return }
        if !calls.isEmpty {
            guard calls.contains(where: world.isOverdue) else { return }
            world.counts.add(.retry)
            calls = []
        }
        let adopt = Operation.Adopt(run: job.run, token: job.token, request: request)
        send(.adopt(adopt), job) { _ in
        } then: { [unowned self] answer in
            guard adoption == request, let lease = try? JSONDocument.parse(answer.body)["lease"] else { return }
            world.counts.add(.runAdopted)
            adoption = nil
            calls = []
            world.tokens[job.run] = lease["token"]?.string
            self.job?.adopted(lease["token"]?.string ?? "", UInt64(lease["epoch"]?.integer ?? 0))
        }
    }

    private func end(_ job: Job) {
        guard job.acknowledged >= job.writes.count else { return }
        let end = Operation.EndRun(run: job.run, token: job.token, reason: job.end)
        job.session.runs[job.hold]!.endsAsked.insert(job.end.rawValue)
        send(.endRun(end), job) { _ in
            job.session.runs[job.hold]!.end = job.end.rawValue
        } then: { [unowned self] _ in
            leave()
        }
    }

    private func send(
        _ operation: Operation, _ job: Job, see: @escaping (Answer) throws(Violation) -> Void,
        then: @escaping (Answer) -> Void
    ) {
        server = world.disk.generation
        let sentAt = world.now
        let call = perform(operation, job.session, hold: job.hold) { [unowned self] answer, server in
            world.oracle.check { () throws(Violation) in
                if job.session.isErasureAcknowledged { throw Violation("\(job.session.id) is erased and takes writes") }
                try see(answer)
                try world.oracle.checkAcknowledged(job.session, server)
                if !server.isClosed, job.session.state.isActive(run: job.run.value) {
                    job.session.runs[job.hold]!.contact = sentAt
                }
            }
        } then: { [unowned self] result in
            guard self.job?.hold == job.hold else { return }
            switch result {
            case .success(let answer): then(answer)
            case .failure(let refusal): refused(refusal)
            }
        }
        if let call { calls.append(call) }
    }

    private func refused(_ refusal: Refusal) {
        switch refusal.code {
        case .storageFull, .storageFailed, .stopping, .writeGap: sendAgain()
        case .batonHeld:
            world.counts.add(.batonHeld)
            heldUntil = world.now + 300
            sendAgain()
        case .messageEnded, .partEnded, .idTaken: job?.giveUp()
        case .runEnded, .runCancelled, .runFenced, .budgetExceeded:
            if wasFrozen { world.counts.add(.frozenFenced) }
            leave()
        default: leave()
        }
    }

    private func perform(
        _ operation: Operation, _ session: SessionModel, hold: Hold? = nil,
        seen: @escaping (Answer, SimulatedServer) -> Void, then: @escaping (Result<Answer, Refusal>) -> Void
    ) -> Call? {
        world.perform(operation, on: session, by: participant) { [unowned self] result, server in
            switch result {
            case .success(let answer): seen(answer, server)
            case .failure(let refusal):
                if world.mutation == .fencedWrite { world.letThrough(operation, session, refusal) }
                world.oracle.check(refusal, of: session, hold: hold, server)
            }
        } then: { result in
            then(result)
        }
    }
}
