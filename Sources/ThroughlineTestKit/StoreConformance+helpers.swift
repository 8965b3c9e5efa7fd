import Dispatch
import Synchronization
public import ThroughlineCore

extension LogStore {
    /// Appends and waits for the completion. Not on the store's own thread.
    public func appendAndWait(_ append: LogAppend) -> Result<Void, StoreError> {
        waitForCompletion { self.append(append, completion: $0) }
    }

    /// Erases and waits for the completion. Not on the store's own thread.
    public func eraseAndWait(_ stream: StreamID) -> Result<Void, StoreError> {
        waitForCompletion { self.erase(stream, completion: $0) }
    }

    /// Lets single events go and waits for the completion. Not on the store's own thread.
    public func thinAndWait(_ stream: StreamID, _ events: [SequenceNumber]) -> Result<Void, StoreError> {
        waitForCompletion { self.thin(stream, removing: events, completion: $0) }
    }

    /// All records after a number, read page by page.
    ///
    /// A page that ends between an event and its notes loses those notes, so pages are cut at events only by `limit.bytes`
    /// of everything.
    public func readAll(_ stream: StreamID, after: SequenceNumber = .zero) throws(StoreError) -> [LogRecord] {
        try read(stream, after: after, limit: ReadLimit(bytes: .max))
    }
}

private func waitForCompletion(_ start: (@escaping LogCompletion) -> Void) -> Result<Void, StoreError> {
    let answer = Answer()
    start { answer.give($0) }
    return answer.wait()
}

/// A result that one thread waits for and another one gives.
private final class Answer: Sendable {
    private let result = Mutex<Result<Void, StoreError>?>(nil)
    private let semaphore = DispatchSemaphore(value: 0)

    func give(_ value: Result<Void, StoreError>) {
        result.withLock { $0 = value }
        semaphore.signal()
    }

    func wait() -> Result<Void, StoreError> {
        semaphore.wait()
        return result.withLock { $0 ?? .failure(.failed("no result")) }
    }
}

extension LogAppend {
    /// An append of events with these texts.
    public static func texts(
        _ texts: [String], to stream: StreamID, expecting: UInt64, summary: String? = nil
    ) -> LogAppend {
        let records = texts.enumerated().map { offset, text in
            LogRecord(
                kind: .event, sequence: SequenceNumber(expecting + UInt64(offset) + 1),
                at: Timestamp(milliseconds: Int64(expecting % 1000) + 1000), payload: Array(text.utf8))
        }
        return LogAppend(
            stream: stream, expecting: SequenceNumber(expecting), records: records,
            summary: summary.map { Array($0.utf8) })
    }
}

extension Result where Failure == StoreError {
    /// Why it failed; `nil` when it did not.
    public var storeError: StoreError? {
        if case .failure(let error) = self { return error }
        return nil
    }
}
