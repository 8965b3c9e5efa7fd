import ThroughlineCore
import ThroughlineEngine

/// The runs that a connection has written to of late.
struct DirectWriters {
    private struct Entry {
        var run: RunID
        var token: String
        var participant: Participant
        var writer: RunWriter
    }

    private var entries: [SessionID: Entry] = [:]
    private static let maximum = 64

    func find(_ request: DirectRequest) -> RunWriter? {
        guard let entry = entries[request.session], entry.run == request.run,
            entry.participant == request.participant, ConstantTime.equal(entry.token, request.token)
        else { return nil }
        return entry.writer
    }

    mutating func insert(_ writer: RunWriter, for request: DirectRequest) {
        if entries.count >= Self.maximum { entries = [:] }
        entries[request.session] = Entry(
            run: request.run, token: request.token, participant: request.participant, writer: writer)
    }

    mutating func remove(_ session: SessionID) { entries[session] = nil }
}
