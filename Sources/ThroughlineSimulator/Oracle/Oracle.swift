import ThroughlineCore
import ThroughlineEngine
import ThroughlineStorage

/// Stands outside the server and compares what it says and shows with what it promised.
final class Oracle {
    private(set) var violation: String?
    private(set) var sessions: [SessionModel] = []
    private var byID: [SessionID: SessionModel] = [:]
    let disk: SimulatedDisk
    private(set) var checks = 0

    init(_ disk: SimulatedDisk) { self.disk = disk }

    /// The copies that somebody asked for.
    var forks: [ForkModel] = []

    func makeSession() -> SessionModel {
        let model = SessionModel(sessions.count + 1, disk.clock)
        sessions.append(model)
        byID[model.id] = model
        return model
    }

    func model(_ id: SessionID) -> SessionModel { byID[id]! }

    /// Runs checks; the first that fails is the result of the simulation.
    func check(_ body: () throws(Violation) -> Void) {
        guard violation == nil else { return }
        checks += 1
        do throws(Violation) { try body() } catch { violation = error.description }
    }

    func fail(_ reason: String) { violation = violation ?? reason }

    /// Reads what the store has of a session. With `all`, everything that was known before is compared too.
    func catchUp(_ session: SessionModel, _ server: SimulatedServer, all: Bool = false) throws(Violation) {
        disk.plan.isPaused = true
        defer { disk.plan.isPaused = false }
        let after = all ? 0 : UInt64(session.events.count)
        do {
            let records = try server.store.read(
                StreamID(session.id), after: SequenceNumber(after), limit: ReadLimit(bytes: .max))
            for record in records where record.kind == .event {
                try session.learn(record.sequence.rawValue, record.payload)
            }
            let last = records.last?.sequence.rawValue ?? after
            if all, last < UInt64(session.events.count) {
                throw Violation("\(session.id) ends at \(last), and event \(session.events.count) was shown")
            }
        } catch StoreError.erased {
            guard session.isEraseAsked else { throw Violation("\(session.id) is erased, and nobody asked for it") }
            session.isErased = true
        } catch let error as Violation {
            throw error
        } catch {
            throw Violation("\(session.id) cannot be read: \(error)")
        }
    }

    func withoutFaults(_ body: () throws -> Void) throws {
        disk.plan.isPaused = true
        defer { disk.plan.isPaused = false }
        try body()
    }

    /// What was acknowledged is there now. When the store reads no more, the audit after the next start finds out.
    func checkAcknowledged(_ session: SessionModel, _ server: SimulatedServer) throws(Violation) {
        guard !server.isClosed else { return }
        try catchUp(session, server)
        if !session.isErased { try session.checkAcknowledged() }
    }

    /// Everything at once, for after a restart.
    func audit(_ server: SimulatedServer) {
        for session in sessions {
            check { () throws(Violation) in
                let wasErased = session.isErased
                try catchUp(session, server, all: true)
                if wasErased, server.store.status(of: StreamID(session.id)) != .erased {
                    throw Violation("\(session.id) was erased and is back")
                }
                guard !session.isErased else { return }
                if session.isCreated, session.events.isEmpty {
                    throw Violation("\(session.id) was created and is gone")
                }
                try session.checkAcknowledged()
            }
        }
        for fork in forks { check { () throws(Violation) in try self.check(fork, server) } }
        let damaged = server.store.metrics.damagedStreams
        if damaged > 0 { fail("\(damaged) streams count as damaged, and no bit was changed") }
    }

    /// No byte of an erased session is in any file.
    func checkGone(_ session: SessionModel, _ server: SimulatedServer) {
        // What was copied is said in the copy.
        guard !isCopied(session, server) else { return }
        check { () throws(Violation) in
            let files = disk.files(containing: Array(session.marker.utf8))
            guard files.isEmpty else { throw Violation("\(session.id) is erased, and its text is in \(files)") }
        }
    }

    // MARK: Answers

    /// Whether a refusal can be right.
    func check(_ refusal: Refusal, of session: SessionModel, hold: Hold? = nil, _ server: SimulatedServer) {
        guard !server.isClosed else { return }
        check { () throws(Violation) in
            let wrong = Violation("\(session.id) was refused \(refusal.code.rawValue), \(refusal.detail)")
            switch refusal.code {
            case .storageFull, .storageFailed, .stopping, .tooMany: return
            case .sessionErased: guard session.isEraseAsked else { throw wrong }
            case .sessionNotFound:
                if session.isCreated || !session.events.isEmpty { throw wrong }
            case .sessionClosed: guard session.isCloseAsked else { throw wrong }
            case .runEnded, .runCancelled:
                guard let hold else { return }
                try catchUp(session, server)
                if !session.isErased, session.state.takesOutput(run: hold.run) { throw wrong }
            case .budgetExceeded:
                // Also who asks for a run again whose lease was lost on its way, and whose time is over.
                try catchUp(session, server)
                let runs = hold.map { [$0.run] } ?? session.state.runs.order
                if !session.isErased, !runs.contains(where: session.state.isOverBudget) { throw wrong }
            case .runFenced:
                guard let hold else { throw wrong }
                try catchUp(session, server)
                if !session.isErased, !session.state.hasLost(hold.run, epoch: hold.epoch) { throw wrong }
            case .writeGap:
                guard let hold, let model = session.runs[hold], let expected = refusal.numbers["expected"] else {
                    throw wrong
                }
                if Int(expected) <= model.acknowledged { throw wrong }
            case .sessionExists:
                try catchUp(session, server)
                if session.events.isEmpty, !session.isErased { throw wrong }
            case .inputNotQueued, .inputNotFound, .cursorAhead, .inputClaimed, .inputQueued, .branchInvalid: return
            case .partEnded, .messageEnded, .commandEnded, .runPaused:
                // Only where somebody ordered something.
                try catchUp(session, server)
                let orders = session.state.commands.all.filter { $0["verb"]?.text != "cancel" }
                if !session.isErased, orders.isEmpty, !session.isBatonAsked { throw wrong }
            case .idTaken:
                // Only where an agent asks again and the request has its end, or its time is over.
                try catchUp(session, server)
                let requests = session.state.requests.byID.values
                if !session.isErased, !requests.contains(where: { $0["state"] != .string("open") || wasOver($0) }) {
                    throw wrong
                }
            case .batonHeld: guard session.isBatonAsked else { throw wrong }
            case .runNotFound: if let hold, session.state.stateOf(run: hold.run) != nil { throw wrong }
            default: throw wrong
            }
        }
    }

    /// A snapshot is the state that its event leaves.
    func check(
        snapshot bytes: [UInt8], of session: SessionModel, _ server: SimulatedServer, seesAll: Bool = false
    ) {
        guard !server.isClosed else { return }
        check { () throws(Violation) in
            guard let value = try? JSONDocument.parse(bytes) else {
                throw Violation("\(session.id): a snapshot is not JSON")
            }
            try catchUp(session, server)
            guard !session.isErased else { return }
            var shown = Plain(value)
            let sequence = shown["seq"]?.number ?? -1
            guard sequence >= 1, sequence <= session.events.count else {
                throw Violation(
                    "\(session.id): a snapshot at \(sequence), and \(session.events.count) events are durable")
            }
            shown["session"]?["updated"] = nil
            shown["reads"] = nil
            let expected = try session.state(at: sequence).snapshot(withWhispers: seesAll)
            guard shown == expected else {
                let parts = expected.names.filter { shown[$0] != expected[$0] }
                let difference = parts.map {
                    "\($0): \(shown[$0].debugDescription) for \(expected[$0].debugDescription)"
                }
                throw Violation("\(session.id): the snapshot at \(sequence) differs in \(difference)")
            }
        }
    }

    /// A step of a reader: what follows its position, without a gap, and the same for everybody.
    func check(
        _ deliveries: [Delivery], after position: SequenceNumber, of session: SessionModel, _ server: SimulatedServer,
        seesAll: Bool = false
    ) {
        guard !server.isClosed else { return }
        check { () throws(Violation) in
            try catchUp(session, server)
            guard !session.isErased else { return }
            var next = position.rawValue + 1
            for delivery in deliveries {
                guard let value = try? JSONDocument.parse(delivery.bytes) else {
                    throw Violation("\(session.id): a delivery is not JSON")
                }
                let first = value["from"]?.integer.map { UInt64($0) } ?? delivery.sequence.rawValue
                guard first == next, delivery.sequence.rawValue <= session.events.count else {
                    throw Violation(
                        "\(session.id): a reader at \(next - 1) of \(session.events.count) was given \(first) to \(delivery.sequence)"
                    )
                }
                let last = delivery.sequence.rawValue
                let isWithheld = value["type"]?.string == "withheld"
                for number in first...last where !seesAll && session.restrictedEvents.contains(number) != isWithheld {
                    throw Violation("\(session.id): event \(number) is\(isWithheld ? "" : " not") withheld")
                }
                if seesAll, isWithheld { throw Violation("\(session.id): \(first) is withheld from an operator") }
                if value["from"] == nil {
                    try session.learn(last, delivery.bytes)
                } else if !isWithheld {
                    try check(merged: Plain(value), first, last, session)
                }
                next = delivery.sequence.rawValue + 1
            }
        }
    }

    private func check(
        merged: Plain, _ first: UInt64, _ last: UInt64, _ session: SessionModel
    ) throws(Violation) {
        var order: [String] = []
        var entries: [String: (offset: String, text: String)] = [:]
        for bytes in session.events[Int(first) - 1..<Int(last)] {
            guard let event = try? JSONDocument.parse(bytes), let part = event["part"], let id = part["id"]?.string,
                let offset = part["offset"]?.integer, let text = part["text"]?.string
            else { throw Violation("\(session.id): \(first) to \(last) were merged, and not all are appends") }
            if entries[id] == nil {
                order.append(id)
                entries[id] = ("\(offset)", "")
            }
            entries[id]?.text += text
        }
        let expected = order.map { id in
            Plain.object([
                "id": .string(id), "offset": .other(entries[id]!.offset), "text": .string(entries[id]!.text),
            ])
        }
        guard merged["parts"] == .array(expected) else {
            throw Violation("\(session.id): \(first) to \(last) merged say other than the events")
        }
    }
}
