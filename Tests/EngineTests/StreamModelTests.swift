import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing
import ThroughlineCore
import ThroughlineTestKit

@testable import ThroughlineEngine

/// Random operations on durable streams against a model that is a dictionary of arrays, with restarts in between.
@Suite(.timeLimit(.minutes(5))) struct `Durable streams as a model` {
    private struct Model {
        var messages: [[UInt8]] = []
        var isClosed = false
        var isJSON = false
        var producers: [String: (epoch: UInt64, sequence: UInt64)] = [:]
        var source: String?
        /// How many of the messages it has from its source.
        var base = 0
        var retention: StreamRetention?
        /// So many of its own have been let go.
        var gone = 0
        var isCompacted = false
        /// Those that compaction has taken.
        var superseded: Set<Int> = []
        var thinning = 0
        var compacted = 0
        var clean = 0
        /// When its own were written.
        var times: [Int64] = []

        var own: ArraySlice<[UInt8]> { messages[(base + gone)...] }

        /// Lets go of what is over, as five lines would.
        mutating func keep(at now: Int64) {
            guard let retention else { return }
            // What compaction has taken is passed over, and goes with what is behind it.
            for index in gone..<messages.count - base where !superseded.contains(base + index) {
                guard isOver(retention, times[index], now) else { return }
                gone = index + 1
            }
        }

        /// What there is from a place on.
        func left(from: Int) -> [[UInt8]] {
            (from..<messages.count).filter { !superseded.contains($0) }.map { messages[$0] }
        }

        /// Of the messages with one key, the newest stays.
        mutating func compact(hasForks: Bool) {
            let end = messages.count - base
            guard isCompacted, !hasForks, end - max(compacted, gone) >= max(4, clean / 2) else { return }
            let compaction = StreamCompaction(members: ["k"])
            var newest: [[UInt8]: Int] = [:]
            for index in max(compacted, gone)..<end {
                if let key = compaction.key(of: messages[base + index]) { newest[key] = base + index }
            }
            let there = (base + gone..<base + end).filter { !superseded.contains($0) }
            let old = there.filter { index in
                compaction.key(of: messages[index]).flatMap { newest[$0] }.map { $0 > index } ?? false
            }
            superseded.formUnion(old)
            if !old.isEmpty { thinning = end }
            compacted = end
            clean = there.count - old.count
        }

        private func isOver(_ retention: StreamRetention, _ time: Int64, _ now: Int64) -> Bool {
            UInt64(own.count) > retention.messages ?? .max
                || own.reduce(0) { $0 + UInt64($1.count) } > retention.bytes ?? .max
                || now - time >= Int64(retention.seconds ?? 1 << 40) * 1_000
        }

        /// What a reader gets from a place on, without the brackets.
        func content(from place: Int) -> String {
            left(from: place).map { String(decoding: $0, as: UTF8.self) }.joined(separator: isJSON ? "," : "")
        }
    }

    @Test(arguments: 0..<24) func `streams do what a dictionary of arrays does`(seed: Int) async throws {
        var random = SeededRandom(seed: UInt64(seed))
        let store = InMemoryLogStore()
        // Without checkpoints, what the writers did is in the records alone, of which the first go.
        let checkpointBytes = seed % 2 == 0 ? 300 : 1 << 30
        var bench = try StreamBench(store, seed: UInt64(seed), checkpointBytes: checkpointBytes)
        var elapsed: Int64 = 0
        var models: [String: Model] = [:]
        /// Deleted, but read by forks that live.
        var buried: [String: Model] = [:]
        let paths = ["a", "b", "c/d", "e", "f/g/h"] + (seed % 3 == 0 ? (0..<12).map { "deep/\($0)" } : [])
        var newest = "a"

        func hasForks(_ path: String) -> Bool {
            models.values.contains { $0.source == path } || buried.values.contains { $0.source == path }
        }
        func collect() {
            while let free = buried.keys.first(where: { !hasForks($0) }) { buried[free] = nil }
        }
        func earliest(_ model: Model) -> Int {
            if model.gone > 0 { return model.base + model.gone }
            guard let source = model.source.flatMap({ models[$0] ?? buried[$0] }) else { return 0 }
            return min(model.base, earliest(source))
        }
        for step in 0..<200 {
            let path = random.pick(paths)
            let context: Comment = "seed \(seed), step \(step), \(path)"
            let (one, other) = (random.below(3), random.below(3))
            // Each is worth a note of what the writers have done.
            let keyed =
                #"[{"k":\#(one),"v":\#(step),"p":"\#(padding)"},{"v":\#(step),"k":\#(other),"p":"\#(padding)"}]"#
            switch random.below(14) {
            case 0, 1:
                let isJSON = random.chance(2)
                let isCompacted = isJSON && random.chance(2)
                let body = isJSON ? random.pick(["", "[]", "[1,2]", "7", keyed]) : random.pick(["", "xy"])
                let closes = random.chance(8)
                // Forks of forks of forks, where there are many paths.
                let source =
                    random.chance(3) ? random.pick(paths) : paths.count > 5 && random.chance(2) ? newest : nil
                let fork = source.map { (path: $0, offset: UInt64(random.below(4)), beyond: UInt64(random.below(3))) }
                var retention = Self.someRetention(&random)
                if isCompacted { retention = retention.flatMap { $0.bytes ?? $0.messages == nil ? $0 : nil } }
                let created = await bench.create(
                    path, isJSON: isJSON, body: body, closed: closes, fork: fork, retention: retention,
                    compaction: isCompacted ? StreamCompaction(members: ["k"]) : nil)
                let expected = Self.expectedCreation(
                    path, isJSON, body, closes, fork, in: models, buried, exists: models[path] != nil,
                    sourceBegins: fork.flatMap { models[$0.path] }.map(earliest) ?? 0)
                guard case .made(var model) = expected else {
                    #expect(created == expected.status || expected.status == nil, context)
                    continue
                }
                #expect(created == 201, context)
                model.retention = retention
                model.isCompacted = isCompacted
                model.times = Array(repeating: elapsed, count: model.own.count)
                models[path] = model
                newest = path
            case 2...6:
                let isClosing = random.chance(12)
                let producer =
                    random.chance(2)
                    ? ProducerStamp(
                        id: random.pick(["p", "q"]), epoch: UInt64(random.below(2)), sequence: UInt64(random.below(5)))
                    : nil
                let body = random.pick(
                    models[path]?.isCompacted == true
                        ? [keyed, keyed, "1"] : ["1", "[3,4,5]", isClosing ? "" : "2"])
                let written = await bench.write(
                    path, isJSON: models[path]?.isJSON ?? true, body: body, producer, closing: isClosing)
                let expected = Self.apply(body, producer, isClosing, at: elapsed, to: &models, path)
                #expect(written == (buried[path] != nil && models[path] == nil ? "deleted" : expected), context)
            case 7:
                let status = await bench.delete(path)
                #expect(status == (models[path] != nil ? 204 : buried[path] != nil ? 410 : 404), context)
                if let model = models.removeValue(forKey: path) {
                    if hasForks(path) { buried[path] = model }
                    collect()
                }
            case 8:
                bench = try StreamBench(store, seed: UInt64(seed * 1_000 + step), checkpointBytes: checkpointBytes)
                bench.environment.advance(milliseconds: elapsed)
            case 9, 10:
                let pause = Int64(random.below(6_000))
                elapsed += pause
                bench.environment.advance(milliseconds: pause)
                try await bench.keep()
                for path in models.keys {
                    models[path]?.keep(at: elapsed)
                    let isShared = hasForks(path)
                    models[path]?.compact(hasForks: isShared)
                }
            default:
                guard let model = models[path] else { continue }
                let begin = earliest(model)
                #expect(try await bench.find(path).status.earliest == StreamOffset(UInt64(begin)), context)
                if begin > 0 {
                    let gone = await bench.refusal(path, from: UInt64(random.below(begin)))
                    #expect(gone == .offsetGone, context)
                }
                let from = begin + random.below(model.messages.count - begin + 1)
                let read = try await bench.read(path, from: UInt64(from), bytes: random.pick([1, 3, 100]))
                #expect(read.content == model.content(from: from), context)
                #expect(read.isClosed == model.isClosed, context)
            }
        }
        bench = try StreamBench(store, seed: 99, checkpointBytes: checkpointBytes)
        for (path, model) in models {
            let begin = earliest(model)
            let read = try await bench.read(path, from: UInt64(begin), bytes: 100)
            #expect(read.content == model.content(from: begin), "seed \(seed), at the end, \(path)")
        }
    }

    private let padding = String(repeating: "x", count: 120)

    private static func someRetention(_ random: inout SeededRandom) -> StreamRetention? {
        switch random.below(6) {
        case 0: StreamRetention(messages: UInt64(1 + random.below(4)))
        case 1: StreamRetention(bytes: UInt64(1 + random.below(6)))
        case 2: StreamRetention(seconds: UInt64(1 + random.below(12)))
        case 3: StreamRetention(seconds: 9, bytes: 4, messages: 6)
        default: nil
        }
    }

    private enum Creation {
        case made(Model)
        case refused(Int?)

        var status: Int? { if case .refused(let status) = self { status } else { 201 } }
    }

    private static func expectedCreation(
        _ path: String, _ isJSON: Bool, _ body: String, _ closes: Bool,
        _ fork: (path: String, offset: UInt64, beyond: UInt64)?, in models: [String: Model], _ buried: [String: Model],
        exists: Bool, sourceBegins: Int
    ) -> Creation {
        // Whether it is the same as what is there is looked at in the tests of the protocol.
        if exists { return .refused(nil) }
        if buried[path] != nil { return .refused(409) }
        var model = Model(isClosed: closes, isJSON: isJSON)
        if let fork {
            guard let source = models[fork.path] else { return .refused(buried[fork.path] != nil ? 409 : 404) }
            if source.isJSON != isJSON { return .refused(409) }
            let (offset, beyond) = (Int(fork.offset), Int(fork.beyond))
            if offset > source.messages.count { return .refused(400) }
            if offset > 0, offset < sourceBegins { return .refused(410) }
            model.source = fork.path
            model.messages = Array(source.messages[..<offset])
            if isJSON {
                if offset + beyond > source.messages.count { return .refused(400) }
                let base = offset + beyond
                // What was compacted may be a source's source's.
                var holder = source
                while base <= holder.base, let next = holder.source.flatMap({ models[$0] ?? buried[$0] }) {
                    holder = next
                }
                if base > holder.base, base < holder.base + holder.thinning { return .refused(410) }
                model.messages = Array(source.messages[..<base])
                model.superseded = source.superseded.filter { $0 < base }
            } else if beyond > 0 {
                if offset < sourceBegins { return .refused(410) }
                guard offset < source.messages.count, beyond <= source.messages[offset].count else {
                    return .refused(400)
                }
                // Of a whole one it has no piece.
                if beyond == source.messages[offset].count { model.base = offset + 1 }
                model.messages.append(Array(source.messages[offset][..<beyond]))
            }
            if model.base == 0 { model.base = isJSON ? offset + beyond : offset }
        }
        model.messages += split(body, isJSON)
        return .made(model)
    }

    private static func apply(
        _ body: String, _ producer: ProducerStamp?, _ isClosing: Bool, at now: Int64, to models: inout [String: Model],
        _ path: String
    ) -> String {
        guard var model = models[path] else { return "absent" }
        defer { models[path] = model }
        if model.isClosed { return "closed" }
        if let producer {
            let known = model.producers[producer.id]
            if let known {
                if producer.epoch < known.epoch { return "stale" }
                if producer.epoch > known.epoch, producer.sequence != 0 { return "late" }
                if producer.epoch == known.epoch {
                    if producer.sequence <= known.sequence { return "duplicate" }
                    if producer.sequence > known.sequence + 1 { return "gap" }
                }
            } else if producer.sequence > 0 {
                return "gap"
            }
            model.producers[producer.id] = (producer.epoch, producer.sequence)
        }
        let messages = split(body, model.isJSON)
        model.messages += messages
        model.times += Array(repeating: now, count: messages.count)
        model.isClosed = isClosing
        return "taken"
    }

    private static func split(_ body: String, _ isJSON: Bool) -> [[UInt8]] {
        if body.isEmpty || isJSON && body == "[]" { return [] }
        guard isJSON else { return [Array(body.utf8)] }
        return (try? StreamMessages.json(Array(body.utf8), mayBeEmpty: true)) ?? []
    }

    @Test func `a fork of a fork does not begin where the first source was compacted`() async throws {
        let bench = try StreamBench(InMemoryLogStore(), seed: 1)
        let old = #"{"k":1,"p":"\#(padding)"}"#
        let created = await bench.create(
            "s", isJSON: true, body: "[\(old),2,\(old),4,5,\(old)]", closed: false, fork: nil,
            compaction: StreamCompaction(members: ["k"]))
        #expect(created == 201)
        try await bench.keep()
        #expect(try await bench.read("s", from: 0, bytes: 1_000).content == "2,4,5,\(old)")
        func fork(_ path: String, of source: String, at offset: UInt64) async -> Int {
            await bench.create(path, isJSON: true, body: "[7]", closed: false, fork: (source, offset, 0))
        }
        #expect(await fork("f", of: "s", at: 3) == 410)
        #expect(await fork("f", of: "s", at: 6) == 201)
        #expect(await fork("g", of: "f", at: 3) == 410)
        #expect(await fork("g", of: "f", at: 0) == 201)
        #expect(await fork("h", of: "f", at: 7) == 201)
        #expect(await fork("i", of: "h", at: 5) == 410)
        #expect(try await bench.read("h", from: 1, bytes: 1_000).content == "2,4,5,\(old),7,7")
    }

    @Test func `streams that are due are compacted one after the other, however many there are`() async throws {
        let bench = try StreamBench(InMemoryLogStore(), seed: 1)
        let old = #"{"k":1,"p":"\#(padding)"}"#
        for number in 0..<40 {
            let created = await bench.create(
                "\(number)", isJSON: true, body: "[\(old),2,3,\(old)]", closed: false, fork: nil,
                compaction: StreamCompaction(members: ["k"]))
            #expect(created == 201)
        }
        try await bench.keep()
        for number in 0..<40 {
            #expect(try await bench.read("\(number)", from: 0, bytes: 1_000).content == "2,3,\(old)")
        }
    }

    @Test func `nothing is said before it is durable, and what is not durable is forgotten`() async throws {
        let store = HeldStore()
        let bench = try StreamBench(store, seed: 1)
        async let created = bench.create("a", isJSON: false, body: "x", closed: false, fork: nil)
        try await bench.eventually { store.waiting == 1 }
        // A reader of what may never be waits with its creator.
        async let early = bench.write("a", isJSON: false, body: "y", nil, closing: false)
        store.release()
        #expect(await created == 201)
        try await bench.eventually { store.waiting == 1 }
        store.failFirst(.full("test"))
        #expect(await early == "storage_full")
        store.open()
        #expect(try await bench.read("a", from: 0, bytes: 100).content == "x")
        #expect(await bench.write("a", isJSON: false, body: "z", nil, closing: false) == "taken")
        #expect(try await bench.read("a", from: 0, bytes: 100).content == "xz")
    }

    @Test func `an idle stream ends, a followed one does not, and its path is free again`() async throws {
        let bench = try StreamBench(InMemoryLogStore(), seed: 1)
        #expect(
            await bench.create("a", isJSON: false, body: "x", closed: false, fork: nil, lifetime: .idle(seconds: 10))
                == 201)
        let stream = try await bench.find("a")
        let subscription = StreamReader(stream, mailbox: Mailbox(loop: nil)) {}
        guard case .atTail = bench.engine.streams.pull(stream, after: StreamOffset(1), bytes: 10, for: subscription)
        else {
            Issue.record("there is nothing behind the end")
            return
        }
        bench.environment.advance(milliseconds: 60_000)
        #expect(await bench.write("a", isJSON: false, body: "y", nil, closing: false) == "taken")
        bench.engine.streams.detach(subscription)
        bench.environment.advance(milliseconds: 10_000)
        #expect(await bench.write("a", isJSON: false, body: "z", nil, closing: false) == "absent")
        #expect(await bench.create("a", isJSON: true, body: "1", closed: false, fork: nil) == 201)
        #expect(try await bench.read("a", from: 0, bytes: 100).content == "1")
    }
}

/// Durable streams over a store, as an asynchronous interface.
struct StreamBench {
    let environment: TestEnvironment
    let engine: Engine

    init(_ store: any LogStore, seed: UInt64, checkpointBytes: Int = 300) throws {
        environment = TestEnvironment(seed: seed)
        var configuration = EngineConfiguration()
        // What is let go is let go when the test says so.
        configuration.tidyTick = .hours(1)
        configuration.streamWindowBytes = 4
        configuration.streamCheckpointBytes = checkpointBytes
        configuration.streamCompactionMessages = 4
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        engine = Engine(
            store: store, timers: MultiThreadedEventLoopGroup.singleton.next(), configuration: configuration,
            environment: environment.engine, logger: logger)
        try engine.start()
    }

    func create(
        _ path: String, isJSON: Bool, body: String, closed: Bool,
        fork: (path: String, offset: UInt64, beyond: UInt64)?, lifetime: StreamLifetime = .unlimited,
        retention: StreamRetention? = nil, compaction: StreamCompaction? = nil
    ) async -> Int {
        let creation = StreamCreation(
            contentType: isJSON ? "application/json" : "text/plain", lifetime: lifetime, retention: retention,
            compaction: compaction, isClosed: closed, body: Array(body.utf8),
            fork: fork.map { .init(source: StreamPath($0.path)!, offset: StreamOffset($0.offset), beyond: $0.beyond) })
        let result: Result<StreamCreated, Refusal> = await withCheckedContinuation { continuation in
            engine.streams.create(StreamPath(path)!, creation) { continuation.resume(returning: $0) }
        }
        switch result {
        case .success(let created): return created.isNew ? 201 : 200
        case .failure(let refusal): return refusal.code.status
        }
    }

    /// The verdict in a word.
    func write(_ path: String, isJSON: Bool, body: String, _ producer: ProducerStamp?, closing: Bool) async -> String {
        let write = StreamWrite(
            messages: [], contentType: isJSON ? "application/json" : "text/plain", producer: producer,
            isClosing: closing)
        let result: Result<StreamWritten, Refusal> = await withCheckedContinuation { continuation in
            engine.streams.write(write, body: Array(body.utf8), to: StreamPath(path)!) {
                continuation.resume(returning: $0)
            }
        }
        switch result {
        case .failure(let refusal):
            return refusal.code == .streamNotFound
                ? "absent" : refusal.code == .streamDeleted ? "deleted" : refusal.code.rawValue
        case .success(let written):
            switch written.verdict {
            case .taken: return "taken"
            // Recognised as what closed it, or a second close: the model does not tell these from a refusal.
            case .duplicate: return written.isClosed ? "closed" : "duplicate"
            case .closed: return "closed"
            case .producerStale: return "stale"
            case .producerGap: return "gap"
            case .producerLateStart: return "late"
            default: return "\(written.verdict)"
            }
        }
    }

    func delete(_ path: String) async -> Int {
        let result: Result<Void, Refusal> = await withCheckedContinuation { continuation in
            engine.streams.delete(StreamPath(path)!) { continuation.resume(returning: $0) }
        }
        if case .failure(let refusal) = result { return refusal.code.status }
        return 204
    }

    func find(_ path: String) async throws -> DurableStream {
        try await withCheckedContinuation { continuation in
            engine.streams.find(StreamPath(path)!) { continuation.resume(returning: $0) }
        }.get()
    }

    /// All from a position to the end, in steps of so many bytes, without the brackets of JSON.
    func read(_ path: String, from: UInt64, bytes: Int) async throws -> (content: String, isClosed: Bool) {
        let stream = try await find(path)
        var position = StreamOffset(from)
        var pieces: [Substring] = []
        while true {
            let slice: StreamSlice
            switch engine.streams.pull(stream, after: position, bytes: bytes) {
            case .slice(let found): slice = found
            case .atTail(_, let isClosed):
                return (pieces.joined(separator: stream.form == .json ? "," : ""), isClosed)
            case .stored:
                slice = try await withCheckedContinuation { continuation in
                    engine.streams.readStored(stream, after: position, bytes: bytes) {
                        continuation.resume(returning: $0)
                    }
                }.get()
            case .beyond, .gone, .trimmed:
                Issue.record("\(path) cannot be read from \(from)")
                return ("", false)
            }
            #expect(slice.after == position && slice.last > position)
            let content = String(buffer: slice.body)
            pieces.append(stream.form == .json ? content.dropFirst().dropLast() : content[...])
            position = slice.last
        }
    }

    /// Why nothing can be read from a position.
    func refusal(_ path: String, from: UInt64) async -> Refusal.Code? {
        guard let stream = try? await find(path) else { return nil }
        switch engine.streams.pull(stream, after: StreamOffset(from), bytes: 100) {
        case .trimmed: return .offsetGone
        case .stored: break
        default: return nil
        }
        let read: Result<StreamSlice, Refusal> = await withCheckedContinuation { continuation in
            engine.streams.readStored(stream, after: StreamOffset(from), bytes: 100) {
                continuation.resume(returning: $0)
            }
        }
        if case .failure(let refusal) = read { return refusal.code }
        return nil
    }

    /// Lets go of all that is over what streams keep.
    func keep() async throws {
        // What is old goes first, and then what is superseded.
        for _ in 0..<2 {
            engine.streams.keepInBounds()
            try await eventually { engine.streams.isAtRest }
        }
        #expect(engine.streams.isAllInBounds)
    }

    func eventually(_ condition: () -> Bool) async throws {
        if condition() { return }
        for _ in 0..<1_000 where !condition() { try await Task.sleep(for: .milliseconds(5)) }
        #expect(condition())
    }
}

extension StreamEngine {
    fileprivate var isAllInBounds: Bool {
        let now = environment.now()
        return shelf.withLock { Array($0.kept.values) }.allSatisfy { stream in
            stream.state.withLock { !$0.isDue(now) && $0.dueCompaction(upTo: $0.durable, atLeast: 4) == nil }
        }
    }

    fileprivate var isAtRest: Bool {
        shelf.withLock { Array($0.kept.values) }.allSatisfy { stream in
            stream.state.withLock { $0.keeping?.isUnderWay == false }
        }
    }
}
