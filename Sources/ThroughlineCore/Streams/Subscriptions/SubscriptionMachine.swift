/// A durable cursor over streams that wakes a worker: a pure value, the same after the same changes.
///
/// It is idle, or has a *wake* under way. A wake has a number, the generation, and an id that nobody can guess; whoever acknowledges, calls back or
/// lets go has to name both, so that a worker that was taken for dead cannot move the cursors of the next one.
public struct SubscriptionMachine: Sendable {
    /// One stream that it follows.
    public struct Link: Hashable, Sendable {
        public var isExplicit: Bool
        public var isByPattern: Bool
        /// All before this was processed.
        public var acknowledged: StreamOffset

        public init(isExplicit: Bool, isByPattern: Bool, acknowledged: StreamOffset) {
            self.isExplicit = isExplicit
            self.isByPattern = isByPattern
            self.acknowledged = acknowledged
        }
    }

    public struct Wake: Hashable, Sendable {
        public var id: String
        /// Where the streams ended when it was made.
        public var tails: [StreamPath: StreamOffset]
        /// Who has claimed it.
        public var holder: String?
    }

    /// A call that failed, to be tried again.
    public struct Retry: Hashable, Sendable {
        public var failures: UInt64
        public var next: Timestamp
    }

    public let id: String
    public let settings: SubscriptionSettings
    public let created: Timestamp
    /// How the server was addressed by whoever created it: where workers call back.
    public let origin: String
    public internal(set) var links: [StreamPath: Link] = [:]
    public internal(set) var generation: UInt64 = 0
    public internal(set) var wake: Wake?
    public internal(set) var retry: Retry?
    public internal(set) var isDeleted = false
    /// How often its changes were put together into one record: of two that a crash left, the later counts.
    public internal(set) var revision: UInt64 = 0

    public static let maximumLinks = 100_000

    public init(id: String, settings: SubscriptionSettings, created: Timestamp, origin: String) {
        self.id = id
        self.settings = settings
        self.created = created
        self.origin = origin
    }
}

/// One thing that happened to a subscription.
public enum SubscriptionChange: Sendable, Equatable {
    case linked([StreamPath: SubscriptionMachine.Link])
    case unlinked(StreamPath)
    case acknowledged([StreamPath: StreamOffset])
    case woken(id: String, tails: [StreamPath: StreamOffset])
    case claimed(by: String)
    /// The wake is over: done, let go, or its lease ran out.
    case settled
    case failed(SubscriptionMachine.Retry)
    case heard
    case deleted
}

extension SubscriptionMachine {
    public mutating func apply(_ change: SubscriptionChange) {
        switch change {
        case .linked(let new): links.merge(new) { $1 }
        case .unlinked(let path): links[path] = nil
        case .acknowledged(let offsets):
            for (path, offset) in offsets { links[path]?.acknowledged = offset }
        case .woken(let id, let tails):
            generation += 1
            wake = Wake(id: id, tails: tails)
        case .claimed(let worker): wake?.holder = worker
        case .settled: wake = nil
        case .failed(let new): retry = new
        case .heard: retry = nil
        case .deleted: isDeleted = true
        }
    }

    /// The same, to be written down as a whole.
    public var revised: SubscriptionMachine {
        var machine = self
        machine.revision += 1
        return machine
    }

    /// The streams with messages that were not acknowledged, in order.
    public func pending(_ tail: (StreamPath) -> StreamOffset) -> [StreamPath] {
        links.filter { tail($0.key) > $0.value.acknowledged }.keys.sorted()
    }

    /// What linking a stream changes; `nil` where it is linked so already.
    public func link(_ path: StreamPath, explicit: Bool, at offset: StreamOffset) -> Link? {
        guard var link = links[path] else {
            return Link(isExplicit: explicit, isByPattern: !explicit, acknowledged: offset)
        }
        if explicit ? link.isExplicit : link.isByPattern { return nil }
        if explicit { link.isExplicit = true } else { link.isByPattern = true }
        return link
    }
}

/// Why a worker's word is not taken.
public enum SubscriptionError: Error, Hashable, Sendable {
    case fenced
    case claimed(by: String, generation: UInt64)
    case nothingPending
    case offset(String)
    case notPullWake
    case notFound

    public var code: String {
        switch self {
        case .fenced: "FENCED"
        case .claimed: "ALREADY_CLAIMED"
        case .nothingPending: "NO_PENDING_WORK"
        case .offset: "INVALID_OFFSET"
        case .notPullWake: "INVALID_REQUEST"
        case .notFound: "SUBSCRIPTION_NOT_FOUND"
        }
    }
}

/// What a worker says of a wake.
public struct WorkerWord: Sendable {
    /// The generation of the token that it showed.
    public var tokenGeneration: UInt64
    public var wake: String
    public var generation: UInt64
    public var acknowledged: [(path: StreamPath, offset: StreamOffset)]
    public var isDone: Bool

    public init(
        tokenGeneration: UInt64, wake: String, generation: UInt64,
        acknowledged: [(path: StreamPath, offset: StreamOffset)] = [], isDone: Bool = false
    ) {
        self.tokenGeneration = tokenGeneration
        self.wake = wake
        self.generation = generation
        self.acknowledged = acknowledged
        self.isDone = isDone
    }
}

extension SubscriptionMachine {
    /// Whether a word is of the wake that is under way.
    public func check(_ word: WorkerWord) throws(SubscriptionError) {
        guard word.tokenGeneration == generation, word.generation == generation, let wake, wake.id == word.wake else {
            throw .fenced
        }
    }

    /// The changes that an acknowledgement makes.
    public func acknowledge(
        _ word: WorkerWord, _ tail: (StreamPath) -> StreamOffset
    ) throws(SubscriptionError) -> [SubscriptionChange] {
        try check(word)
        var offsets: [StreamPath: StreamOffset] = [:]
        for (path, offset) in word.acknowledged {
            guard let link = links[path] else { throw .offset("The subscription does not follow \(path).") }
            let known = offsets[path] ?? link.acknowledged
            if offset < known { throw .offset("\(path) was acknowledged up to \(known) already.") }
            if offset > tail(path) { throw .offset("\(path) ends at \(tail(path)).") }
            offsets[path] = offset
        }
        var changes: [SubscriptionChange] = []
        if !offsets.isEmpty { changes.append(.acknowledged(offsets)) }
        if word.isDone { changes.append(.settled) }
        return changes
    }

    /// When to try again after one more failure: from a second up to a minute, a fifth more or less by chance.
    public func nextRetry(at now: Timestamp, chance: UInt64) -> Retry {
        let failures = (retry?.failures ?? 0) + 1
        let base = min(60_000, Int64(1_000) << Int64(min(failures - 1, 6)))
        let jitter = base / 5
        let delay = base - jitter + Int64(chance % UInt64(2 * jitter + 1))
        return Retry(failures: failures, next: Timestamp(milliseconds: now.rawValue + delay))
    }
}
