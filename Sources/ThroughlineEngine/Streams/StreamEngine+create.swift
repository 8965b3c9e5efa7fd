import NIOCore
import Synchronization
public import ThroughlineCore

/// What a request asks a new stream to be.
public struct StreamCreation: Sendable {
    /// `nil`: what its source has, or `application/octet-stream`.
    public var contentType: String?
    public var lifetime: StreamLifetime
    public var retention: StreamRetention?
    public var compaction: StreamCompaction?
    public var isClosed: Bool
    public var body: [UInt8]
    public var fork: Fork?

    public struct Fork: Sendable {
        public var source: StreamPath
        /// `nil`: the source's tail.
        public var offset: StreamOffset?
        /// So many messages, or bytes, beyond it.
        public var beyond: UInt64

        public init(source: StreamPath, offset: StreamOffset?, beyond: UInt64) {
            self.source = source
            self.offset = offset
            self.beyond = beyond
        }
    }

    public init(
        contentType: String? = nil, lifetime: StreamLifetime = .unlimited, retention: StreamRetention? = nil,
        compaction: StreamCompaction? = nil, isClosed: Bool = false, body: [UInt8] = [], fork: Fork? = nil
    ) {
        self.contentType = contentType
        self.lifetime = lifetime
        self.retention = retention
        self.compaction = compaction
        self.isClosed = isClosed
        self.body = body
        self.fork = fork
    }
}

/// A stream is there: new, or as it was asked for all along.
public struct StreamCreated: Sendable {
    public var isNew: Bool
    public var standing: StreamStanding
}

extension StreamEngine {
    public typealias CreateCompletion = @Sendable (Result<StreamCreated, Refusal>) -> Void

    /// Where a fork begins, with its source held.
    private struct Origin {
        var source: DurableStream
        var fork: StreamFork
        var settings: StreamSettings
        /// The piece of a message that it begins with, where it was cut.
        var piece: [UInt8]?
    }

    /// Creates a stream, or confirms the same.
    public func create(_ path: StreamPath, _ creation: StreamCreation, then completion: @escaping CreateCompletion) {
        do throws(Refusal) {
            try requireReady()
        } catch { return completion(.failure(error)) }
        switch look(path) {
        case .settling(let stream):
            whenSettled(stream) { [self] in create(path, creation, then: completion) }
        case .deleted:
            completion(
                .failure(Refusal(.streamExists, "The stream \(path) was deleted, and its path is kept for its forks.")))
        case .live(let stream): completion(confirm(stream, creation))
        case .absent:
            guard let fork = creation.fork else { return begin(path, creation, from: nil, then: completion) }
            resolve(fork, creation) { [self] result in
                switch result {
                case .success(let origin): begin(path, creation, from: origin, then: completion)
                case .failure(let refusal): completion(.failure(refusal))
                }
            }
        }
    }

    private func confirm(_ stream: DurableStream, _ creation: StreamCreation) -> Result<StreamCreated, Refusal> {
        let standing = stream.status
        guard creation.isAsked(of: standing.summary, of: stream.source?.status.summary) else {
            return .failure(
                Refusal(.streamExists, "The stream \(standing.summary.path) exists with another configuration."))
        }
        return .success(StreamCreated(isNew: false, standing: standing))
    }

    private func begin(
        _ path: StreamPath, _ creation: StreamCreation, from origin: Origin?,
        then completion: @escaping CreateCompletion
    ) {
        let now = environment.now()
        let settings =
            origin?.settings
            ?? StreamSettings(
                contentType: creation.contentType ?? StreamSettings.defaultContentType, lifetime: creation.lifetime,
                retention: creation.retention, compaction: creation.compaction)
        let summary = StreamSummary(path: path, settings: settings, created: now, fork: origin?.fork)
        var machine = StreamMachine(summary)
        var records: [LogRecord] = []
        do throws(Refusal) {
            var messages = try StreamMessages.read(creation.body, form: settings.form, mayBeEmpty: true)
            if let piece = origin?.piece { messages.insert(piece, at: 0) }
            let write = StreamWrite(messages: messages, isClosing: creation.isClosed)
            _ = machine.write(write, at: now, into: &records)
        } catch {
            if let origin { letGo(of: origin.source) }
            return completion(.failure(error))
        }
        let id = StreamID(StreamID.durableStreams + randomName())
        let stream = DurableStream(
            id: id, summary: machine.summary, source: origin?.source, phase: .creating, durable: 0,
            now: environment.monotonic())
        let isFree = shelf.withLock { shelf in
            if let other = shelf.streams[path], !other.isLeaving { return false }
            shelf.streams[path] = stream
            if settings.lifetime != .unlimited { shelf.mortal[ObjectIdentifier(stream)] = stream }
            if !settings.isKeptWhole { shelf.kept[ObjectIdentifier(stream)] = stream }
            return true
        }
        guard isFree else {
            if let origin { letGo(of: origin.source) }
            return create(path, creation, then: completion)
        }
        metrics.operations.increment()
        let append = LogAppend(stream: id, expecting: .zero, records: records, summary: machine.summary.encoded)
        store.append(append) { [self, machine, records] result in
            postman.beginCommit()
            finishCreating(stream, path, machine, records, result, then: completion)
        }
    }

    private func finishCreating(
        _ stream: DurableStream, _ path: StreamPath, _ machine: StreamMachine, _ records: [LogRecord],
        _ result: Result<Void, StoreError>, then completion: CreateCompletion
    ) {
        switch result {
        case .success:
            let settled = stream.state.withLock { state in
                state.durable = machine.count
                let hot = HotStream(machine: machine, after: 0)
                hot.window.append(records)
                hot.window.trim(to: configuration.streamWindowBytes, durable: SequenceNumber(machine.count))
                state.hot = hot
                return state.settle(.live)
            }
            shelf.withLock { $0.warm[ObjectIdentifier(stream)] = stream }
            completion(.success(StreamCreated(isNew: true, standing: stream.status)))
            for body in settled { body() }
            let watchers = watchers(of: path)
            if !watchers.isEmpty {
                stream.state.withLock { $0.watchers = watchers }
                if machine.tail > .start { appended(to: path, watchers: watchers) }
            }
        case .failure(let error):
            shelf.withLock { shelf in
                if shelf.streams[path] === stream { shelf.streams[path] = nil }
                shelf.mortal[ObjectIdentifier(stream)] = nil
                shelf.kept[ObjectIdentifier(stream)] = nil
            }
            let settled = stream.state.withLock { $0.settle(.gone) }
            if let source = stream.source { letGo(of: source) }
            appendFailed(error)
            completion(.failure(Refusal(error)))
            for body in settled { body() }
        }
    }

    /// Twelve random bytes in hexadecimal: a name of the store's own.
    func randomName() -> String {
        environment.randomBytes(12).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}

// MARK: - Forks

extension StreamEngine {
    private typealias OriginCompletion = @Sendable (Result<Origin, Refusal>) -> Void

    /// Finds out where a fork begins, and holds its source.
    private func resolve(
        _ fork: StreamCreation.Fork, _ creation: StreamCreation, then completion: @escaping OriginCompletion
    ) {
        switch look(fork.source) {
        case .settling(let stream):
            whenSettled(stream) { [self] in resolve(fork, creation, then: completion) }
        case .absent: completion(.failure(Self.absent(fork.source)))
        case .deleted:
            completion(.failure(Refusal(.streamExists, "The stream \(fork.source) was deleted: it has no new forks.")))
        case .live(let source): resolve(fork, of: source, creation, then: completion)
        }
    }

    private func resolve(
        _ fork: StreamCreation.Fork, of source: DurableStream, _ creation: StreamCreation,
        then completion: @escaping OriginCompletion
    ) {
        let standing = source.status
        let settings = standing.summary.settings
        let asked = fork.offset ?? standing.tail
        let form = settings.form
        do throws(Refusal) {
            if let type = creation.contentType, !MediaType.isSame(type, settings.contentType) {
                throw Refusal(.contentTypeMismatch, "The source is \(settings.contentType), and so is its fork.")
            }
            guard asked <= standing.tail else {
                throw Refusal(.offsetInvalid, "The source ends at \(standing.tail).")
            }
            guard asked == .start || asked >= standing.earliest else { throw Self.isGone(before: standing.earliest) }
            guard form == .binary || form == .text || fork.beyond <= standing.tail.position - asked.position else {
                throw Refusal(.offsetInvalid, "The source has no \(fork.beyond) messages beyond \(asked).")
            }
            guard creation.compaction == nil || form == .json else {
                throw Refusal(.headerInvalid, "Stream-Compaction-Key is for streams of application/json.")
            }
            guard source.depth < configuration.maximumForkDepth else {
                throw Refusal(.tooMany, "Forks of forks go \(configuration.maximumForkDepth) deep at most.")
            }
        } catch { return completion(.failure(error)) }
        let whole = form == .json ? asked.position + fork.beyond : asked.position
        // What was compacted lacks messages for which there are newer ones behind the fork. Of a stream that has forks, as the source's
        // sources have, no more is compacted.
        var holder = source
        while whole <= holder.base, let next = holder.source { holder = next }
        let above = holder === source ? nil : holder.state.withLock { holder.compacted(around: whole, $0) }
        let (isHeld, own) = source.state.withLock { state -> (Bool, StreamOffset?) in
            guard state.phase == .live else { return (false, nil) }
            let own = source.compacted(around: whole, state)
            if above == nil, own == nil { state.forks += 1 }
            return (true, own)
        }
        guard isHeld else { return resolve(fork, creation, then: completion) }
        if let end = above ?? own {
            return completion(
                .failure(Refusal(.offsetGone, "That part was compacted. A fork begins at \(end) or behind it.")))
        }
        let origin = Origin(
            source: source,
            fork: StreamFork(
                source: source.id, sourcePath: fork.source, base: whole, asked: asked, askedBeyond: fork.beyond),
            settings: StreamSettings(
                contentType: settings.contentType, lifetime: settings.lifetime.inherited(asking: creation.lifetime),
                retention: creation.retention, compaction: creation.compaction))
        if form == .json || fork.beyond == 0 { return completion(.success(origin)) }
        cut(origin, at: fork.beyond, then: completion)
    }

    /// Reads the message that the fork has only a piece of. Of a whole one it needs none.
    private func cut(_ origin: Origin, at bytes: UInt64, then completion: @escaping OriginCompletion) {
        let source = origin.source
        let at = StreamOffset(origin.fork.base)
        pool.run(for: source.id) { [self] in
            let result: Result<Origin, Refusal> = readDurable(source, after: at, limit: ReadLimit(records: 1)).flatMap {
                let message = $0.body.readableBytesView
                guard !message.isEmpty, bytes <= UInt64(message.count) else {
                    return .failure(
                        Refusal(.offsetInvalid, "The message behind \(at) is shorter than \(bytes) bytes."))
                }
                var origin = origin
                if bytes == UInt64(message.count) {
                    origin.fork.base += 1
                } else {
                    origin.piece = Array(message.prefix(Int(bytes)))
                }
                return .success(origin)
            }
            if case .failure = result { letGo(of: source) }
            completion(result)
        }
    }

    /// A fork of a stream is no more.
    func letGo(of source: DurableStream) {
        source.state.withLock { $0.forks -= 1 }
        collect(source)
    }
}

extension DurableStream {
    /// The end of the part that was compacted or is being compacted, if a place is inside it.
    fileprivate func compacted(around place: UInt64, _ state: State) -> StreamOffset? {
        let end = base + (state.summary.trim?.thinning ?? 0)
        return place > base && place < end ? StreamOffset(end) : nil
    }
}

extension StreamCreation {
    /// Whether a stream is what is asked for.
    func isAsked(of summary: StreamSummary, of source: StreamSummary?) -> Bool {
        let type = contentType ?? source?.settings.contentType ?? StreamSettings.defaultContentType
        let lifetime = source?.settings.lifetime.inherited(asking: self.lifetime) ?? self.lifetime
        guard MediaType.isSame(type, summary.settings.contentType), lifetime == summary.settings.lifetime,
            retention == summary.settings.retention, compaction == summary.settings.compaction,
            isClosed == (summary.closing != nil),
            fork?.source == summary.fork?.sourcePath
        else { return false }
        guard let fork, let made = summary.fork else { return true }
        return fork.offset.map { $0 == made.asked } ?? true && fork.beyond == made.askedBeyond
    }
}

extension DurableStream {
    /// Whether its path may be used by another.
    fileprivate var isLeaving: Bool {
        state.withLock { state in
            switch state.phase {
            case .gone: true
            case .deleting: state.isReplaceable
            case .deleted: state.forks == 0
            case .creating, .live: false
            }
        }
    }
}
