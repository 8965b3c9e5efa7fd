import Foundation
import Testing
import ThroughlineCore
import ThroughlineStorage
import ThroughlineTestKit

private let one = StreamID("sessions/one")

@Suite struct CheckpointStoreTests {
    private let checkpoint = Checkpoint(sequence: SequenceNumber(3), bytes: Array("CHECKPOINT-TO-FIND".utf8))

    private func save(_ store: EmbeddedLogStore) throws {
        store.saveCheckpoint(checkpoint, of: one)
        try eventually { try store.checkpoint(of: one) == checkpoint }
    }

    @Test func `a checkpoint is there after a restart, and costs no flush of the log`() throws {
        let folder = TemporaryFolder()
        var store = try folder.open(.roomy)
        try store.fill(one, count: 3)
        let flushes = store.metrics.synchronizations
        try save(store)
        #expect(store.metrics.synchronizations == flushes)
        store.close()
        store = try folder.open(.roomy)
        #expect(try store.checkpoint(of: one) == checkpoint)
        try store.eraseAndWait(one).get()
        #expect(try folder.files(containing: "CHECKPOINT-TO") == [])
        store.close()
    }

    @Test func `one that was damaged is not answered, and its stream is served`() throws {
        let folder = TemporaryFolder()
        var store = try folder.open(.roomy)
        try store.fill(one, count: 3)
        try save(store)
        store.close()
        try edit(folder.path + "/archive.sqlite") { data in
            guard let place = data.range(of: Data("TO-FIND".utf8)) else { return }
            data[place.lowerBound] ^= 1
        }
        store = try folder.open(.roomy)
        #expect(throws: StoreError.self) { try store.checkpoint(of: one) }
        #expect(try store.checkFilled(one) == 3)
        store.close()
    }

    @Test func `many at once are bounded, and the newest of a stream counts`() throws {
        let folder = TemporaryFolder()
        let store = try folder.open(.roomy)
        defer { store.close() }
        try store.fill(one, count: 3)
        for number in 0..<200 {
            store.saveCheckpoint(
                Checkpoint(sequence: SequenceNumber(2), bytes: [UInt8](repeating: UInt8(number), count: 200_000)),
                of: one)
        }
        eventually { store.takesCheckpoints }
        try save(store)
        store.saveCheckpoint(
            Checkpoint(sequence: SequenceNumber(3), bytes: [UInt8](repeating: 0, count: Checkpoint.maximumBytes + 1)),
            of: one)
        #expect(try store.checkpoint(of: one) == checkpoint)
        #expect(try store.checkFilled(one) == 3)
    }
}
