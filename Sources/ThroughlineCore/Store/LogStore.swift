/// A durable log of many streams: the one place where events are kept.
///
/// The contract, which the conformance suite in `ThroughlineTestKit` tests on every implementation:
///
/// - **Order.** Appends are made durable in the order of the calls. Completions run in that order, on a thread of the
///   store's own, and must be quick and must not block.
/// - **All or nothing.** The records of one append become durable together, or none of them does.
/// - **Acknowledged means durable.** A completion with success runs only after the records survive a kill of the process
///   and a loss of power.
/// - **On a condition.** An append succeeds only if `expecting` is the stream's tail after everything before it in the
///   order. Otherwise it fails with `conflict` and stores nothing.
/// - **Reads see what is durable**, and no more. A read made after a completion sees that append.
/// - **Checkpoints are a cache.** One may be lost at any time, saving it costs no flush of the disk, and it is never of an
///   event that is not durable. It goes with its stream, at the same moment.
/// - **Erased is gone.** `erase` completes when no byte of the stream's records is left in any file; the identifier is
///   remembered, answers `erased` and can never be appended to again.
/// - **Trimmed may go.** `trim` allows the store to let the oldest records of a stream go, later and bit by bit, to have their
///   room again. Reads then go on with what is left. It is a wish, and not kept: who has it tells it again after a start.
/// - **Thinned is gone.** `thin` completes when single events have gone from the middle of a stream, all of them or, after a crash, some.
/// - **Failures.** After `full` the store goes on: it has stored nothing of that append, reads work, later appends may
///   succeed. After `failed` nothing is known: every later append fails with `failed`, and the server has to stop.
public protocol LogStore: AnyObject, Sendable {
    /// Appends records to a stream, which comes into being with its first append.
    ///
    /// - Parameter completion: Runs exactly once, after the commit. Many completions run for one commit; `onCommit` tells
    ///   when the last of them has run.
    func append(_ append: LogAppend, completion: @escaping LogCompletion)

    /// The same, from a caller that has more to append at once and then calls ``commitDeferred()``, without fail and soon. It need
    /// not be committed before.
    func append(deferring append: LogAppend, completion: @escaping LogCompletion)

    /// Commits what was deferred. A store may do it on the caller's thread, and run the completions there, where that takes
    /// well under a millisecond. Never called while a lock is held that a completion takes.
    func commitDeferred()

    /// Sets what runs after the completions of each commit, on the same thread. Called once, before the first append.
    func onCommit(_ handler: @escaping @Sendable () -> Void)

    /// The durable records of a stream whose sequence is greater than `after`, oldest first. Blocks: it may read from disk.
    ///
    /// A note carries the sequence of the event it follows, so the notes right behind event `after` are not returned.
    /// At least one record comes back when there is one, whatever the limits say, and the last event comes with all its notes:
    /// who reads on after it misses nothing.
    func read(_ stream: StreamID, after: SequenceNumber, limit: ReadLimit) throws(StoreError) -> [LogRecord]

    /// The payloads of the events that ``read(_:after:limit:)`` would return, without records that hold copies of them. Blocks.
    ///
    /// A store may hand over more than `limit` says, up to `limit.slack`, where it has read that much anyway.
    ///
    /// - Parameter take: Gets them one after the other, at least one if there is one. The bytes are valid during the call. What it got
    ///   before an error counts for nothing.
    func readPayloads(
        of stream: StreamID, after: SequenceNumber, limit: ReadLimit,
        _ take: (SequenceNumber, UnsafeRawBufferPointer) -> Void
    ) throws(StoreError)

    /// What is known of a stream. Cheap: from memory.
    func status(of stream: StreamID) -> StreamStatus

    /// Calls `body` for every live stream, in no particular order, with its durable tail and its latest summary. Blocks.
    func forEachStream(_ body: (StreamID, SequenceNumber, [UInt8]) -> Void) throws(StoreError)

    /// Keeps what the events of a stream up to a number add up to, in place of the one before; or does not, when there is
    /// no time for it. The events are durable already. Does not block.
    func saveCheckpoint(_ checkpoint: Checkpoint, of stream: StreamID)

    /// Whether a checkpoint would be kept now: asked before one is made.
    var takesCheckpoints: Bool { get }

    /// The checkpoint that was kept last, if it still is. Blocks.
    func checkpoint(of stream: StreamID) throws(StoreError) -> Checkpoint?

    /// Erases a stream for good. Ordered with the appends: appends called later fail with `erased`.
    func erase(_ stream: StreamID, completion: @escaping LogCompletion)

    /// Lets the events of a stream up to a number go, with their notes and those behind them. The notes behind the last of them stay.
    /// Does not block.
    func trim(_ stream: StreamID, upTo: SequenceNumber)

    /// Lets single events go, with the notes in them, not those behind them: such as are not after ``thinnable(_:)``. Their numbers are
    /// passed over by reads. May be done again.
    func thin(_ stream: StreamID, removing events: [SequenceNumber], completion: @escaping LogCompletion)

    /// Up to which event ``thin(_:removing:completion:)`` can let some go. Cheap.
    func thinnable(_ stream: StreamID) -> SequenceNumber

    /// Makes durable what was appended, runs the completions, closes the files. Later calls fail with `closed`. Blocks.
    func close()
}

extension LogStore {
    public func append(deferring append: LogAppend, completion: @escaping LogCompletion) {
        self.append(append, completion: completion)
    }

    public func commitDeferred() {}

    public func readPayloads(
        of stream: StreamID, after: SequenceNumber, limit: ReadLimit,
        _ take: (SequenceNumber, UnsafeRawBufferPointer) -> Void
    ) throws(StoreError) {
        var after = after
        while true {
            let records = try read(stream, after: after, limit: limit)
            for record in records where record.kind == .event {
                record.payload.withUnsafeBytes { take(record.sequence, $0) }
            }
            // Of events that have gone notes may be left, and nothing else in a page.
            guard let last = records.last, !records.contains(where: { $0.kind == .event }) else { return }
            after = last.sequence
        }
    }
}

public typealias LogCompletion = @Sendable (Result<Void, StoreError>) -> Void

/// The name of a stream: 1 to 300 bytes of UTF-8. A session's events are the stream `sessions/<id>`.
public struct StreamID: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    public var rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }
    public init(_ rawValue: String) { self.rawValue = rawValue }
    public var description: String { rawValue }
}

/// One entry of a stream.
public struct LogRecord: Hashable, Sendable {
    public enum Kind: UInt8, Sendable {
        /// A public event: takes the next sequence number.
        case event = 1
        /// Private to the server: takes no number and carries that of the event it follows.
        case note = 2
    }

    public var kind: Kind
    public var sequence: SequenceNumber
    public var at: Timestamp
    /// The bytes readers get. Empty in a note.
    public var payload: [UInt8]
    /// Bytes that only the server reads: lease tokens, positions of writers, frames of a gateway. Often empty.
    public var note: [UInt8]

    public init(kind: Kind, sequence: SequenceNumber, at: Timestamp, payload: [UInt8], note: [UInt8] = []) {
        self.kind = kind
        self.sequence = sequence
        self.at = at
        self.payload = payload
        self.note = note
    }
}

/// Records that become durable together.
public struct LogAppend: Sendable {
    public var stream: StreamID
    /// The stream's tail before this append; zero for a stream that does not exist yet.
    public var expecting: SequenceNumber
    /// Never empty. Events are numbered from `expecting` + 1 without a gap; a note has the number of the event before it.
    public var records: [LogRecord]
    /// What listings and a starting server need to know of the stream, opaque to the store, at most 32 KiB. It replaces
    /// the one before; `nil` leaves it.
    public var summary: [UInt8]?

    public init(stream: StreamID, expecting: SequenceNumber, records: [LogRecord], summary: [UInt8]? = nil) {
        self.stream = stream
        self.expecting = expecting
        self.records = records
        self.summary = summary
    }

    /// The stream's tail after this append.
    public var tail: SequenceNumber { records.last?.sequence ?? expecting }

    /// Bytes of payload, notes and summary.
    public var byteCount: Int {
        records.reduce(summary?.count ?? 0) { $0 + $1.payload.count + $1.note.count }
    }

    /// Largest `byteCount` that a store takes: 16 MiB.
    public static let maximumBytes = 16 << 20
}

/// What the events of a stream up to one of them add up to, as its owner lays it out.
public struct Checkpoint: Hashable, Sendable {
    /// The last event that counts in it.
    public var sequence: SequenceNumber
    public var bytes: [UInt8]

    public init(sequence: SequenceNumber, bytes: [UInt8]) {
        self.sequence = sequence
        self.bytes = bytes
    }

    /// Larger ones are not kept: 64 MiB.
    public static let maximumBytes = 64 << 20
}

/// How much one read returns at most.
public struct ReadLimit: Sendable {
    public var records: Int
    public var bytes: Int
    /// So many bytes more may be returned where the store would have to read the same again for the rest.
    public var slack: Int

    public init(records: Int = .max, bytes: Int = 1 << 20, slack: Int = 0) {
        self.records = records
        self.bytes = bytes
        self.slack = slack
    }
}

/// What a store knows of a stream.
public enum StreamStatus: Hashable, Sendable {
    case absent
    case live(tail: SequenceNumber)
    case erased
}

/// Why a store did not do what it was asked.
public enum StoreError: Error, Hashable, Sendable {
    /// The condition did not hold; `tail` is where the stream is.
    case conflict(tail: SequenceNumber)
    /// The stream was erased.
    case erased
    /// The append is over `LogAppend.maximumBytes`.
    case tooLarge
    /// No room on the disk, or the folder became read-only. Nothing of the append was stored; reads go on.
    case full(String)
    /// Data that was read does not have its checksum. Names file and place.
    case corrupt(String)
    /// The disk failed in a way after which nothing is known. The store takes no more appends.
    case failed(String)
    /// The store was closed.
    case closed
}
