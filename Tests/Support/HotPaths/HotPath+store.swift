import Foundation
import Logging
import ThroughlineCore
import ThroughlineStorage

extension HotPath {
    /// The store's part of a write: sixteen sessions append, and one commit takes them all.
    static var commits: HotPath {
        HotPath("commit", operations: 2_048) {
            let store = try makeStore()
            let record = try Sample.records(appends: 1).last!
            let streams = (0..<16).map { StreamID("sessions/session-\($0)") }
            var tail = SequenceNumber.zero
            return {
                for _ in 0..<128 {
                    for stream in streams { append(record, to: stream, after: tail, store) }
                    expect(store.stepWriter(), "there was nothing to commit")
                    tail = tail.next
                }
            }
        }
    }

    private static func append(
        _ record: LogRecord, to stream: StreamID, after tail: SequenceNumber, _ store: EmbeddedLogStore
    ) {
        var record = record
        record.sequence = tail.next
        store.append(LogAppend(stream: stream, expecting: tail, records: [record])) { result in
            if case .failure(let error) = result { fatalError("an append failed: \(error)") }
        }
    }

    /// Reading a long session from the log, as for a reader that begins at its start.
    static var pages: HotPath {
        HotPath("read", operations: 2_048) {
            let store = try makeStore()
            let stream = StreamID("sessions/session-1")
            var tail = SequenceNumber.zero
            for record in try Sample.records(appends: 2_044) {
                append(record, to: stream, after: tail, store)
                expect(store.stepWriter(), "there was nothing to commit")
                tail = tail.next
            }
            return {
                var position = SequenceNumber.zero
                while position < tail {
                    position = try store.read(stream, after: position, limit: ReadLimit(bytes: 48 << 10)).last!.sequence
                }
            }
        }
    }

    /// An empty store that does only what it is told to. Not synchronized: that is the system's work, which is not counted.
    static func makeStore() throws -> EmbeddedLogStore {
        let folder = "\(Guards.folder)/\(UUID())"
        var configuration = StoreConfiguration()
        configuration.segmentBytes = 4 << 20
        configuration.fileSystem.synchronize = { _ in }
        return try EmbeddedLogStore(
            directory: folder, configuration: configuration,
            logger: Logger(label: "guards") { _ in SwiftLogNoOpLogHandler() }, hasThreads: false)
    }
}
