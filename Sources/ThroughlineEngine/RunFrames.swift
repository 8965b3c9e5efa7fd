import NIOCore
public import ThroughlineCore

/// A run's frames in its caller's own format, in order, as they become durable, until the run has ended.
public final class RunFrames {
    public enum Item: Sendable {
        case frame(FrameCursor, [UInt8])
        /// Comes last: the number of `run.ended`, and the run.
        case ended(SequenceNumber, Run)
    }

    private let engine: Engine
    private let reader: EventReader
    private let run: RunID
    private let session: SessionID
    private let skipping: FrameCursor?
    private var ready: ArraySlice<Item> = []
    private var isOver = false
    /// All records up to this number were looked at, notes included, but for notes that may still come behind the last event.
    private var cursor: FrameCursor

    init(engine: Engine, reader: EventReader, run: Run, session: SessionID, after: FrameCursor?) {
        self.engine = engine
        self.reader = reader
        self.run = run.id
        self.session = session
        skipping = after
        cursor = FrameCursor(sequence: after?.sequence ?? run.sequence, index: -1)
    }

    deinit { reader.detach() }

    /// The next item; `nil` after the last, and when the task is cancelled.
    public func next() async throws(Refusal) -> Item? {
        while ready.isEmpty {
            if isOver || Task.isCancelled { return nil }
            let ended = try await endOfRun()
            try await readOn()
            if let ended {
                ready.append(.ended(ended.sequence, ended.run))
                isOver = true
            } else if ready.isEmpty {
                await reader.waitForCommit(within: .seconds(30))
            }
        }
        return ready.popFirst()
    }

    /// Asked before reading: what ended before the read has all its frames in it.
    private func endOfRun() async throws(Refusal) -> (sequence: SequenceNumber, run: Run)? {
        guard let now = try await engine.run(run, in: session), now.state.isOver else { return nil }
        return (cursor.sequence, now)
    }

    /// Reads again from the event before the cursor, since notes may have come behind the event at it.
    private func readOn() async throws(Refusal) {
        while true {
            let from = SequenceNumber(max(cursor.sequence.rawValue, 1) - 1)
            let records = try await reader.records(after: from)
            let before = cursor
            take(records)
            if records.isEmpty || cursor == before { return }
        }
    }

    private func take(_ records: [LogRecord]) {
        var sequence = SequenceNumber.zero
        var index = -1
        for record in records {
            if record.sequence != sequence {
                sequence = record.sequence
                index = -1
            }
            guard let note = Note(stored: record.note), note.run == run, let frame = note.frame else {
                if sequence > cursor.sequence { cursor = FrameCursor(sequence: sequence, index: -1) }
                continue
            }
            index += 1
            let place = FrameCursor(sequence: sequence, index: index)
            guard place.isBehind(cursor) else { continue }
            cursor = place
            if skipping.map(place.isBehind) ?? true { ready.append(.frame(place, frame)) }
        }
    }
}

extension FrameCursor {
    fileprivate func isBehind(_ other: FrameCursor) -> Bool {
        sequence == other.sequence ? index > other.index : sequence > other.sequence
    }
}

extension Engine {
    /// The frames of a run behind a cursor. Who reads them is in the session, as any reader is.
    public func frames(
        of run: RunID, in session: SessionID, after cursor: FrameCursor?, by participant: Participant
    ) async throws(Refusal) -> RunFrames {
        let reader = EventReader(self, session: session)
        let tail = try await reader.attach(from: .tail, by: participant).tail
        guard let found = try await self.run(run, in: session) else {
            reader.detach()
            throw Refusal(.runNotFound, "The session has no run \(run).")
        }
        if let cursor, cursor.sequence > tail {
            reader.detach()
            throw Refusal(.cursorAhead, "The session ends at \(tail).", numbers: ["tail": tail.rawValue])
        }
        reader.arrive(watching: false)
        return RunFrames(engine: self, reader: reader, run: found, session: session, after: cursor)
    }
}
