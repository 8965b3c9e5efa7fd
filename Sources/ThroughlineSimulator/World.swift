import NIOCore
import ThroughlineCore
import ThroughlineEngine
import ThroughlineStorage
import ThroughlineTestKit

/// A server, those who use it, and everything that can happen to them, one step after another in an order that the seed gives.
final class World {
    let disk: SimulatedDisk
    let clock: SimulatedClock
    let oracle: Oracle
    var random: SeededRandom
    var server: SimulatedServer?
    /// Answers on their way, handed over after the step that made them.
    let arrived = Box<[() -> Void]>([])
    private let sizes: StoreConfiguration
    private(set) var agents: [Agent] = []
    private(set) var clients: [Client] = []
    private(set) var readers: [Reader] = []
    private(set) var people: [Answerer] = []
    private(set) var operators: [Operator] = []
    /// Operations that the network holds up.
    var letters: [Letter] = []
    var sentLetters = 0
    /// The last operation that came to each session as it was sent.
    var lastArrived: [SessionID: Int] = [:]
    /// One session with a long history, long enough for checkpoints, instead of many with a short one.
    let isNarrow: Bool
    /// The end of a fault that lasts, in simulated milliseconds.
    var faultsEnd: Int64 = 0
    private(set) var restarts = 0
    /// The token of each run's lease, as it was given out last.
    var tokens: [RunID: String] = [:]
    /// Where ``Mutation/fencedWrite`` is: the runs whose former agents go on writing.
    var lateWriters: [RunID: SessionModel] = [:]

    init(seed: UInt64, mutation: Mutation?, trace: Trace) {
        random = SeededRandom(seed: seed)
        clock = SimulatedClock()
        disk = SimulatedDisk(clock: clock, trace: trace, random: SeededRandom(seed: random.next()))
        disk.mutation = mutation
        oracle = Oracle(disk)
        isNarrow = random.chance(4)
        var sizes = StoreConfiguration()
        sizes.segmentBytes = random.pick([4 << 10, 8 << 10, 32 << 10])
        sizes.spareSegments = random.below(3)
        sizes.maximumSegments = random.pick([3, 6, 1_000])
        sizes.maximumCommitBytes = random.pick([4 << 10, 64 << 10])
        sizes.maximumRowBytes = random.pick([1 << 10, 8 << 10])
        // Sessions are small here: with larger pages SQLite hardly ever moves a row to another page.
        sizes.pageBytes = 4 << 10
        sizes.maximumReaders = 1
        self.sizes = sizes
        SimulatedVFS.mount(disk)
        agents = (0..<4).map { Agent($0, self) }
        clients = (0..<3).map { Client($0, self) }
        readers = (0..<4).map { Reader($0, self) }
        people = (0..<2).map { Answerer($0, self) }
        operators = (0..<2).map { Operator($0, self) }
    }

    var now: Int64 { clock.monotonic }
    var counts: FaultCounts {
        get { disk.counts }
        set { disk.counts = newValue }
    }
    var mutation: Mutation? { disk.mutation }

    // MARK: Steps

    func step() {
        clock.advance(microseconds: Int64(random.below(4_000)))
        endFaults()
        deliverLetter()
        if let server, disk.ending == nil, server.failure.value == nil || !random.chance(10) {
            act(on: server)
        } else {
            restart()
        }
        deliver()
        if let ending = disk.ending, server != nil {
            disk.trace.note("down", ending == .kill ? 1 : 0)
            takeDown()
        }
    }

    private func act(on server: SimulatedServer) {
        let choice = random.below(100)
        disk.trace.note("step", choice)
        switch choice {
        case 0..<26: server.stepWriter()
        case 26..<34: _ = server.store.stepMover()
        case 34..<37: _ = server.store.stepPool()
        case 37..<45: server.stepRead()
        case 45..<52: server.runTimers()
        case 52..<53: clock.advance(microseconds: Int64(random.below(3_000_000)))
        case 53..<73: random.pick(agents).act()
        case 73..<83: random.pick(clients).act()
        case 83..<86: random.pick(people).act()
        case 86..<88: random.pick(operators).act()
        case 88..<97: random.pick(readers).act()
        default: causeFault()
        }
    }

    /// Hands over the answers that have arrived.
    func deliver() {
        while !arrived.value.isEmpty {
            let answers = arrived.value
            arrived.value = []
            for answer in answers { answer() }
        }
    }

    // MARK: The server's life

    /// The process is gone: what it had is thrown away, what the disk has stays.
    func takeDown() {
        server?.end()
        server = nil
        arrived.value = []
        for reader in readers { reader.serverWentAway() }
        disk.restart()
    }

    func restart() {
        if let server {
            // The disk failed, and the process with it.
            disk.die(.kill)
            counts.add(.kill)
            _ = server
            takeDown()
            return
        }
        let faults = disk.plan.isPaused ? 0 : random.below(6)
        if faults == 0 { disk.plan.crash = (random.below(40), random.chance(3) ? .kill : .powerLoss) }
        if faults == 1 { planError(within: 20) }
        let before = counts
        do {
            server = try SimulatedServer(disk, sizes: sizes)
            restarts += 1
            disk.plan.crash = nil
            if disk.ending == nil, let server { oracle.audit(server) }
        } catch {
            disk.trace.say("the store does not open: \(error)")
            if disk.ending != nil { counts.add(.crashWhileOpening) } else { check(opening: error, before) }
            disk.restart()
        }
    }

    /// Whether there was a reason not to open.
    private func check(opening error: any Error, _ before: FaultCounts) {
        if case StoreError.corrupt(let place) = error {
            return oracle.fail("the store does not open: corrupt, \(place)")
        }
        let reasons: [Fault] = [.readError, .writeError, .syncError, .diskFull]
        if !reasons.contains(where: { counts[$0] > before[$0] }) { oracle.fail("the store does not open: \(error)") }
    }

    func newSession() -> SessionModel { oracle.makeSession() }

    /// A session that is in use, if there is any.
    func anySession() -> SessionModel? {
        let all = oracle.sessions.suffix(8)
        return all.isEmpty ? nil : all[all.startIndex + random.below(all.count)]
    }

    // MARK: Calls

    /// Begins a call. `body` gets what hands the answer over; some answers are lost on their way, when the oracle alone sees them.
    func call<Answer: Sendable>(
        _ body: (SimulatedServer, @escaping @Sendable (Answer) -> Void) -> Void,
        seen: @escaping (Answer, SimulatedServer) -> Void, then: @escaping (Answer) -> Void
    ) -> Call? {
        guard let server, disk.ending == nil else { return nil }
        let call = Call(sentAt: now, server: server.number)
        dispatch(call, body, seen: seen, then: then)
        return call
    }

    /// What was sent arrives, if there is a server.
    func dispatch<Answer: Sendable>(
        _ call: Call, _ body: (SimulatedServer, @escaping @Sendable (Answer) -> Void) -> Void,
        seen: @escaping (Answer, SimulatedServer) -> Void, then: @escaping (Answer) -> Void
    ) {
        guard let server, disk.ending == nil else { return }
        let isLost = random.chance(12)
        let handOver = Box<(Answer) -> Void>({ [unowned self] answer in
            if server.number == disk.generation { seen(answer, server) }
            if isLost { return counts.add(.lostAnswer) }
            call.isAnswered = true
            then(answer)
        })
        let world = Box(self)
        let number = server.number
        body(server) { answer in
            // What a process says after its end, nobody hears.
            guard world.value.disk.ending == nil, number == world.value.disk.generation else { return }
            world.value.arrived.value.append { handOver.value(answer) }
        }
    }

    /// Whether an answer is not to be expected any more.
    func isOverdue(_ call: Call) -> Bool {
        !call.isAnswered && (call.server != disk.generation || now - call.sentAt > 400)
    }
}
