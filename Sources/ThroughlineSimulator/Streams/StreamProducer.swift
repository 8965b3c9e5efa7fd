import ThroughlineCore
import ThroughlineEngine
import ThroughlineTestKit

/// Writes to one stream, each message until it is answered, and now and then what has to be refused.
final class StreamProducer {
    private let model: StreamModel
    private let id: String
    private unowned let world: StreamSimulation
    private var epoch: UInt64 = 0
    /// The number of the next message of this life.
    private var next: UInt64 = 0
    /// `Stream-Seq` counts over all lives; only one producer of a stream uses it.
    private var order: Int?
    private var outstanding: Attempt?
    private var isOver = false

    private struct Attempt {
        var text: String
        var stamp: ProducerStamp
        var order: String?
        var isClosing: Bool
        var sends = 0
        /// In which life of the server it was sent last; `nil` where it has to be sent.
        var sentTo: Int?
    }

    init(_ model: StreamModel, number: Int, _ world: StreamSimulation) {
        self.model = model
        self.world = world
        id = "p\(number)"
        order = number == 0 ? 0 : nil
    }

    func act() {
        guard model.isMade, !isOver else { return }
        if let attempt = outstanding {
            if attempt.sentTo != world.disk.generation { send() }
            return
        }
        switch world.random.below(12) {
        case 0: probe()
        case 1 where next > 0:
            epoch += 1
            next = 0
        default: begin()
        }
    }

    private func begin() {
        let text = model.message("\(id).\(epoch)/\(next)")
        let isClosing = world.random.chance(60)
        outstanding = Attempt(
            text: text, stamp: ProducerStamp(id: id, epoch: epoch, sequence: next), order: order.map(Self.digits),
            isClosing: isClosing)
        model.sent.insert(text)
        if isClosing { model.isCloseAsked = true }
        send()
    }

    private static func digits(_ number: Int) -> String { String(String(1_000_000 + number).dropFirst()) }

    private func send() {
        guard var attempt = outstanding else { return }
        attempt.sends += 1
        let sends = attempt.sends
        attempt.sentTo = write(
            text: attempt.text, stamp: attempt.stamp, order: attempt.order, closing: attempt.isClosing
        ) { [self] in answered($0, sends: sends) }
        outstanding = attempt
    }

    private func write(
        text: String, stamp: ProducerStamp?, order: String?, closing: Bool,
        then: @escaping (Result<StreamWritten, Refusal>) -> Void
    ) -> Int? {
        let write = StreamWrite(
            messages: [], contentType: model.contentType, producer: stamp, order: order, isClosing: closing)
        let path = StreamPath(model.path)!
        return world.call(
            { streams, answer in streams.write(write, body: Array(text.utf8), to: path, then: answer) }, then: then)
    }

    private func answered(_ result: Result<StreamWritten, Refusal>, sends: Int) {
        guard let attempt = outstanding else { return }
        switch result {
        case .failure(let refusal):
            switch refusal.code {
            case .streamNotFound, .streamDeleted:
                if !model.isDeletionAsked { world.fail("\(model.path) is not found") }
                isOver = true
            default: outstanding?.sentTo = nil
            }
        case .success(let written):
            switch written.verdict {
            case .taken: world.outcomes.taken += 1
            case .duplicate:
                if sends == 1 { world.fail("\(model.path): \(attempt.text) is called a repetition") }
                world.outcomes.recognised += 1
            case .closed:
                if !model.isCloseAsked { world.fail("\(model.path): nobody closed it") }
                isOver = true
                return
            default: return world.fail("\(model.path): \(attempt.text) was answered \(written.verdict)")
            }
            acknowledge(attempt, written)
        }
    }

    private func acknowledge(_ attempt: Attempt, _ written: StreamWritten) {
        outstanding = nil
        next += 1
        order = order.map { $0 + 1 }
        model.acknowledged.insert(attempt.text)
        guard attempt.isClosing else { return }
        world.outcomes.closed += 1
        isOver = true
        model.end = Int(written.tail.position)
        if !written.isClosed { world.fail("\(model.path): it was closed, and is not") }
    }

    // MARK: What has to be refused

    private func probe() {
        switch world.random.below(4) {
        case 0 where epoch > 0 && next > 0:
            expect(\.fenced, ProducerStamp(id: id, epoch: epoch - 1, sequence: 0)) {
                if case .producerStale = $0 { true } else { false }
            }
        case 1:
            expect(\.gaps, ProducerStamp(id: id, epoch: epoch, sequence: next + 1)) { [next, epoch] verdict in
                if next == 0, epoch > 0 { return verdict == .producerLateStart }
                return verdict == .producerGap(expected: next)
            }
        case 2 where next > 0:
            expect(\.recognised, ProducerStamp(id: id, epoch: epoch, sequence: 0)) {
                if case .duplicate = $0 { true } else { false }
            }
        case 3:
            guard let order, order > 0 else { return }
            expect(\.regressed, nil, order: Self.digits(world.random.below(order))) { $0 == .orderRegressed }
        default: break
        }
    }

    private func expect(
        _ outcome: WritableKeyPath<StreamSimulation.Outcomes, Int>, _ stamp: ProducerStamp?, order: String? = nil,
        _ isRight: @escaping (StreamVerdict) -> Bool
    ) {
        _ = write(text: model.isJSON ? "0" : "never", stamp: stamp, order: order, closing: false) {
            [self] result in
            guard case .success(let written) = result else { return }
            if isRight(written.verdict) {
                world.outcomes[keyPath: outcome] += 1
            } else if written.verdict != .closed || !model.isCloseAsked {
                world.fail("\(model.path): what had to be refused was answered \(written.verdict)")
            }
        }
    }
}

/// Makes a stream, until that is answered.
final class StreamMaking {
    private let model: StreamModel
    private unowned let world: StreamSimulation

    init(_ model: StreamModel, _ world: StreamSimulation) {
        self.model = model
        self.world = world
    }

    func send() {
        let fork = model.source.map {
            StreamCreation.Fork(source: StreamPath($0.path)!, offset: StreamOffset(UInt64(model.base)), beyond: 0)
        }
        let creation = StreamCreation(
            contentType: model.contentType, retention: model.retention,
            compaction: model.isCompacted ? StreamModel.compaction : nil, fork: fork)
        let path = StreamPath(model.path)!
        _ = world.call(
            { streams, answer in streams.create(path, creation, then: answer) }, then: { [self] in answered($0) })
    }

    private func answered(_ result: Result<StreamCreated, Refusal>) {
        switch result {
        case .success(let created):
            model.isMade = true
            if model.source != nil { world.outcomes.forked += 1 }
            if created.standing.tail.position != UInt64(model.base) {
                world.fail("\(model.path) begins at \(created.standing.tail), not at \(model.base)")
            }
        case .failure(let refusal):
            if refusal.code == .streamNotFound || refusal.code == .streamExists, model.source?.isDeletionAsked == true {
                return
            }
            // Where it was to begin is gone since it was looked at last.
            if refusal.code == .offsetGone, model.source?.isKeptWhole == false { return }
            if refusal.code.status < 500 { world.fail("\(model.path) was refused: \(refusal.code)") }
        }
    }
}

/// Deletes a stream.
final class StreamDeletion {
    private let model: StreamModel
    private unowned let world: StreamSimulation

    init(_ model: StreamModel, _ world: StreamSimulation) {
        self.model = model
        self.world = world
    }

    func send() {
        guard model.isMade else { return }
        let path = StreamPath(model.path)!
        let sent = world.call(
            { streams, answer in streams.delete(path, then: answer) }, then: { [self] in answered($0) })
        if sent != nil { model.isDeletionAsked = true }
    }

    private func answered(_ result: Result<Void, Refusal>) {
        switch result {
        case .success:
            model.isDeleted = true
            world.outcomes.deleted += 1
        case .failure(let refusal):
            if refusal.code == .streamNotFound || refusal.code == .streamDeleted { model.isDeleted = true }
        }
    }
}
