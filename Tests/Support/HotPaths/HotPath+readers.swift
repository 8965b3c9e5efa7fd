import ThroughlineCore

extension HotPath {
    /// Merging for a reader that lags: appends of a run, sixty-four to a step.
    static var deliveries: HotPath {
        HotPath("merge", operations: 2_048) {
            let events = try Sample.records(appends: 2_048).suffix(2_048)
            let steps = stride(from: events.startIndex, to: events.endIndex, by: 64).map { start in
                events[start..<start + 64].map { Delivery(sequence: $0.sequence, bytes: $0.payload) }
            }
            return {
                for step in steps { expect(Delivery.merging(step).count == 1, "they were not merged") }
            }
        }
    }

    /// A session that comes back into memory: its state again from its records.
    static var replay: HotPath {
        HotPath("replay", operations: 2_052) {
            let records = try Sample.records(appends: 2_048)
            expect(records.count == 2_052, "the session has \(records.count) records")
            return {
                let machine = SessionMachine(replaying: records)
                expect(machine?.tail == records.last?.sequence, "they cannot be replayed")
            }
        }
    }
}
