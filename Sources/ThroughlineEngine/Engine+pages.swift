public import NIOCore
public import ThroughlineCore

/// A stretch of a session's history, never merged.
public struct EventPage: Sendable {
    public var events: [Delivery]
    /// The session's last event.
    public var tail: SequenceNumber

    public var encoded: [UInt8] {
        JSONWriter.object {
            $0.key("events")
            $0.array(events) { $0.raw($1.bytes) }
            $0.field("tail", tail.rawValue)
        }
    }
}

extension Engine {
    /// At most so many events after a position, and at most 8 MiB of them.
    public func readPage(
        of session: SessionID, after position: SequenceNumber, limit: Int, by participant: Participant,
        then completion: @escaping @Sendable (Result<EventPage, Refusal>) -> Void
    ) {
        guard Access.permits(.read, to: participant, orTell: completion) else { return }
        decide(on: session) { (state) throws(Refusal) in
            let tail = state.machine.tail
            guard position <= tail else {
                throw Refusal(.cursorAhead, "The session ends at \(tail).", numbers: ["tail": tail.rawValue])
            }
            return Sight(of: state.machine, for: participant.clearance)
        } then: { [self] result in
            switch result {
            case .failure(let refusal): completion(.failure(refusal))
            case .success(let sight):
                pool.run(for: session) { [self] in
                    let limits = ReadLimit(records: limit * 2, bytes: 8 << 20)
                    completion(
                        readEvents(of: session, after: position, limit: limits, sight)
                            .map { EventPage(events: Array($0.prefix(limit)), tail: sight.tail) })
                }
            }
        }
    }

    public func readPage(
        of session: SessionID, after position: SequenceNumber, limit: Int, by participant: Participant
    ) async throws(Refusal) -> EventPage {
        try await withCheckedContinuation { continuation in
            readPage(of: session, after: position, limit: limit, by: participant) { continuation.resume(returning: $0) }
        }.get()
    }

    /// Gives an order, and waits until it has come to its end, or time is up: then it answers how things stand.
    public func commandAndWait(
        _ id: CommandID?, _ order: CommandOrder, on session: SessionID, by participant: Participant,
        within limit: TimeAmount
    ) async -> Result<Answer, Refusal> {
        let id = id ?? CommandID(unchecked: randomID("c-"))
        let reader = EventReader(self, session: session)
        defer { reader.detach() }
        do throws(Refusal) {
            var position = try await reader.attach(from: .tail, by: participant).position
            _ = try await perform(.command(id: id, order), on: session, by: participant)
            let deadline = NIODeadline.now() + limit
            while true {
                let (answer, isFinal) = try await command(id, on: session)
                let left = deadline - .now()
                guard !isFinal, left > .zero, let slice = try await reader.next(after: position, within: left) else {
                    return .success(answer)
                }
                position = slice.last
            }
        } catch {
            return .failure(error)
        }
    }

    private func command(_ id: CommandID, on session: SessionID) async throws(Refusal) -> (Answer, isFinal: Bool) {
        try await withCheckedContinuation { continuation in
            command(id, on: session) { continuation.resume(returning: $0) }
        }.get()
    }
}
