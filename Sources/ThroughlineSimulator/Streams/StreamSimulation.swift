import NIOCore
import ThroughlineCore
import ThroughlineEngine
import ThroughlineStorage
import ThroughlineTestKit

/// Durable streams on a disk that loses power: producers that retry what was not answered, closes, forks and deletions, and a
/// server that dies at any call to the disk.
///
/// What is watched: an acknowledged message is there exactly once, at a place that never changes; a retry is recognised, an
/// older life of a producer refused, a gap reported; a closed stream does not grow, a fork begins with what it was made of.
package final class StreamSimulation {
    let disk: SimulatedDisk
    let clock: SimulatedClock
    var random: SeededRandom
    var server: SimulatedServer?
    private let sizes: StoreConfiguration
    private(set) var models: [StreamModel] = []
    private var producers: [StreamProducer] = []
    /// Answers on their way.
    private let arrived = Box<[() -> Void]>([])
    package private(set) var violation: String?
    package var outcomes = Outcomes()

    /// What has happened, over one run: none of these may be missing over many.
    package struct Outcomes: Sendable {
        package var taken = 0
        package var recognised = 0
        package var fenced = 0
        package var gaps = 0
        package var regressed = 0
        package var closed = 0
        package var forked = 0
        package var deleted = 0
        package var crashes = 0
        package var messages = 0
        package var trimmed = 0
        package var superseded = 0

        package init() {}

        package var all: [(name: String, count: Int)] {
            [
                ("taken", taken), ("recognised", recognised), ("fenced", fenced), ("gaps", gaps),
                ("regressed", regressed), ("closed", closed), ("forked", forked), ("deleted", deleted),
                ("crashes", crashes), ("messages", messages), ("trimmed", trimmed), ("superseded", superseded),
            ]
        }
    }

    package init(seed: UInt64, mutation: Mutation? = nil) {
        random = SeededRandom(seed: seed)
        clock = SimulatedClock()
        disk = SimulatedDisk(clock: clock, trace: Trace(prints: nil), random: SeededRandom(seed: random.next()))
        disk.mutation = mutation
        var sizes = StoreConfiguration()
        sizes.segmentBytes = random.pick([4 << 10, 8 << 10, 32 << 10])
        sizes.spareSegments = random.below(3)
        sizes.maximumCommitBytes = random.pick([4 << 10, 64 << 10])
        sizes.maximumRowBytes = random.pick([1 << 10, 8 << 10])
        sizes.pageBytes = 4 << 10
        sizes.maximumReaders = 1
        self.sizes = sizes
        SimulatedVFS.mount(disk)
    }

    /// Runs so many steps; what was broken is in ``violation``.
    package func run(steps: Int) {
        for _ in 0..<steps where violation == nil { step() }
        guard violation == nil else { return }
        disk.plan = FaultPlan()
        disk.plan.isPaused = true
        takeDown(.powerLoss)
        disk.plan.isPaused = true
        start()
        audit()
        outcomes.messages = models.reduce(0) { $0 + $1.known.count }
        takeDown(.kill)
    }

    func fail(_ reason: String) { violation = violation ?? reason }

    // MARK: Steps

    private func step() {
        clock.advance(microseconds: Int64(random.below(4_000)))
        if let server, disk.ending == nil, server.failure.value == nil {
            act(on: server)
        } else {
            takeDown(.kill)
            start()
        }
        deliver()
        if disk.ending != nil { takeDown(nil) }
    }

    private func act(on server: SimulatedServer) {
        switch random.below(100) {
        case 0..<30: server.stepWriter()
        case 30..<36: _ = server.store.stepMover()
        case 36..<39: _ = server.store.stepPool()
        case 39..<48: server.stepRead()
        case 48..<52: server.runTimers()
        case 52..<54: clock.advance(microseconds: 5_000_000)
        case 54..<56: newStream()
        case 56..<57: forkSome()
        case 57..<58: if models.count > 3, random.chance(3) { StreamDeletion(random.pick(models), self).send() }
        case 58..<94: if !producers.isEmpty { random.pick(producers).act() }
        case 94..<96: audit()
        default: disk.plan.crash = (random.below(12), random.chance(3) ? .kill : .powerLoss)
        }
    }

    private func newStream() {
        guard models.count < 6 else { return }
        let isCompacted = random.chance(2)
        let model = StreamModel(
            path: "s\(models.count)", source: nil, base: 0,
            retention: isCompacted ? random.chance(3) ? StreamRetention(seconds: 9) : nil : someRetention(),
            isCompacted: isCompacted)
        add(model)
        StreamMaking(model, self).send()
    }

    private func forkSome() {
        guard models.count < 9, let source = models.last(where: { $0.isMade && !$0.isDeletionAsked }) else { return }
        let base = source.earliest + random.below(source.known.count - source.earliest + 1)
        let model = StreamModel(
            path: "s\(models.count)", source: source, base: base,
            retention: random.chance(2) || source.isJSON ? nil : someRetention(),
            isCompacted: source.isJSON && random.chance(2))
        add(model)
        StreamMaking(model, self).send()
    }

    private func someRetention() -> StreamRetention? {
        switch random.below(6) {
        case 0, 1: StreamRetention(messages: UInt64(1 + random.below(12)))
        case 2: StreamRetention(bytes: UInt64(20 + random.below(300)))
        case 3: StreamRetention(seconds: UInt64(1 + random.below(15)))
        case 4: StreamRetention(seconds: 20, bytes: 200, messages: 20)
        default: nil
        }
    }

    private func add(_ model: StreamModel) {
        models.append(model)
        for number in 0..<2 { producers.append(StreamProducer(model, number: number, self)) }
    }

    // MARK: The server's life

    private func start() {
        if !disk.plan.isPaused, random.chance(5) {
            disk.plan.crash = (random.below(40), random.chance(3) ? .kill : .powerLoss)
        }
        do {
            server = try SimulatedServer(disk, sizes: sizes)
            disk.plan.crash = nil
        } catch {
            if disk.ending == nil { fail("the store does not open: \(error)") }
            disk.restart()
        }
    }

    /// - Parameter ending: `nil`: the disk has ended already.
    private func takeDown(_ ending: SimulatedDisk.Ending?) {
        guard let server else { return }
        if let ending, disk.ending == nil { disk.die(ending) }
        outcomes.crashes += 1
        server.end()
        self.server = nil
        arrived.value = []
        disk.restart()
    }

    // MARK: Calls

    /// Asks the server for something, if there is one. The answer is handed over after the step that made it, and not at all
    /// where the process has ended meanwhile.
    func call<Answer: Sendable>(
        _ body: (StreamEngine, @escaping @Sendable (Answer) -> Void) -> Void, then: @escaping (Answer) -> Void
    ) -> Int? {
        guard let server, disk.ending == nil else { return nil }
        let number = disk.generation
        let world = Box(self)
        let hand = Box(then)
        body(server.engine.streams) { answer in
            guard world.value.disk.ending == nil, number == world.value.disk.generation else { return }
            world.value.arrived.value.append { hand.value(answer) }
        }
        return number
    }

    private func deliver() {
        while !arrived.value.isEmpty {
            let answers = arrived.value
            arrived.value = []
            for answer in answers { answer() }
        }
    }

    // MARK: Looking

    /// Reads every stream as a whole, while nothing goes wrong, and compares.
    private func audit() {
        guard let server, disk.ending == nil else { return }
        let plan = disk.plan
        disk.plan.isPaused = true
        for model in models where violation == nil { look(at: model, server) }
        disk.plan = plan
    }

    private func look(at model: StreamModel, _ server: SimulatedServer) {
        let found = Box<Result<DurableStream, Refusal>?>(nil)
        server.engine.streams.find(StreamPath(model.path)!) { found.value = $0 }
        settle(server) { found.value != nil }
        switch found.value {
        case nil: fail("\(model.path) is not found, nor missed")
        case .failure(let refusal):
            if model.isMade, !model.isDeletionAsked { fail("\(model.path) is lost: \(refusal.code)") }
        case .success(let stream):
            if model.isDeleted { return fail("\(model.path) is back after its deletion") }
            if let (begin, texts) = readAll(stream, server) {
                model.check(texts, from: begin, isClosed: stream.status.isClosed, self)
            }
        }
    }

    private func readAll(_ stream: DurableStream, _ server: SimulatedServer) -> (begin: Int, texts: [String?])? {
        var begin = stream.status.earliest
        var texts: [String?] = []
        var tail = stream.status.tail
        while true {
            let after = StreamOffset(begin.position + UInt64(texts.count))
            if after >= tail { break }
            let read = Box<Result<StreamSlice, Refusal>?>(nil)
            // One message at a time: what is read does not say where one ends.
            server.engine.streams.readStored(stream, after: after, bytes: 1) { read.value = $0 }
            settle(server) { read.value != nil }
            if case .failure(let refusal) = read.value, refusal.code == .offsetGone, stream.status.earliest > begin {
                // It was let go while it was read.
                begin = stream.status.earliest
                tail = stream.status.tail
                texts = []
                continue
            }
            guard case .success(let slice) = read.value, slice.last > after else {
                fail("\(stream.status.summary.path) cannot be read after \(after): \(read.value.debugDescription)")
                return nil
            }
            // Of what was passed over nothing is left.
            texts += Array(repeating: nil, count: Int(slice.last.position - after.position) - 1)
            let text = String(buffer: slice.body)
            texts.append(stream.form == .json ? String(text.dropFirst().dropLast()) : text)
        }
        return (Int(begin.position), Array(texts.prefix(Int(tail.position - begin.position))))
    }

    private func settle(_ server: SimulatedServer, until isDone: () -> Bool) {
        for _ in 0..<10_000 where !isDone() {
            var isBusy = server.stepRead()
            isBusy = server.stepWriter() || isBusy
            isBusy = server.store.stepPool() || isBusy
            if !isBusy { isBusy = server.store.stepMover() }
            guard isBusy else { return }
        }
    }
}
