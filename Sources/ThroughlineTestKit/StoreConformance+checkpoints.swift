import Dispatch
import ThroughlineCore

private let stream = StreamID("sessions/one")

extension StoreConformance {
    /// A store may lose a checkpoint at any time, so these say only what an answer may be.
    static let checkpointChecks: [Check] = [
        .on("a checkpoint is answered as it was saved, the newest last") { store in
            try require(store.checkpoint(of: stream), is: nil, "the checkpoint of a stream that is not there")
            let texts = (1...5).map { "\($0)" }
            try require(store.appendAndWait(.texts(texts, to: stream, expecting: 0)).storeError, is: nil, "append")
            for number: UInt64 in [2, 5] {
                let checkpoint = made(of: number)
                store.saveCheckpoint(checkpoint, of: stream)
                let answers = Set(try answers(store))
                try require(answers.subtracting([nil, made(of: 2), checkpoint]), is: [], "checkpoints")
            }
            try require(store.readAll(stream).count, is: 5, "records")
        },
        .on("no checkpoint is answered of events that are not there") { store in
            store.saveCheckpoint(made(of: 1), of: stream)
            try require(answers(store).allSatisfy { $0 == nil }, "one of an absent stream is answered")
            try require(store.appendAndWait(.texts(["a"], to: stream, expecting: 0)).storeError, is: nil, "append")
            store.saveCheckpoint(made(of: 2), of: stream)
            try require(answers(store).allSatisfy { $0 == nil }, "one from the future is answered")
        },
        .acrossRestart("the checkpoint of an erased stream is gone") { store in
            try require(store.appendAndWait(.texts(["a"], to: stream, expecting: 0)).storeError, is: nil, "append")
            store.saveCheckpoint(made(of: 1), of: stream)
            _ = try answers(store)
            store.saveCheckpoint(made(of: 1), of: stream)
            try require(store.eraseAndWait(stream).storeError, is: nil, "erase")
            try require(store.checkpoint(of: stream), is: nil, "checkpoint after the erasure")
            store.saveCheckpoint(made(of: 1), of: stream)
            try require(answers(store).allSatisfy { $0 == nil }, "one of an erased stream is answered")
        } then: { store in
            try require(store.checkpoint(of: stream), is: nil, "checkpoint after the restart")
        },
    ]

    private static func made(of number: UInt64) -> Checkpoint {
        Checkpoint(sequence: SequenceNumber(number), bytes: [UInt8](repeating: UInt8(number), count: 3000))
    }

    /// What is answered for a while, until it is something.
    private static func answers(_ store: any LogStore) throws -> [Checkpoint?] {
        var answers: [Checkpoint?] = []
        for _ in 0..<20 {
            answers.append(try store.checkpoint(of: stream))
            if answers.last != .some(nil) { break }
            Patience.pause()
        }
        return answers
    }
}

private enum Patience {
    /// A few milliseconds.
    static func pause() { _ = DispatchSemaphore(value: 0).wait(timeout: .now() + .milliseconds(5)) }
}
