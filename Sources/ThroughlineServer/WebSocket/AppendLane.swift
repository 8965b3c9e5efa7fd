import NIOCore
import ThroughlineCore
import ThroughlineEngine

/// What a connection keeps for the appends of its agents: the path that nearly all of an agent's messages take.
///
/// Used on the connection's loop only.
final class AppendLane {
    /// The message at hand.
    var frame = AppendFrame()
    /// There are appends whose commit is to be seen to.
    var hasAppended = false
    /// Frames of acknowledgements that go out together.
    var acknowledgements = ByteBuffer()
    private var writers: [UInt64: Entry] = [:]
    private static let maximumWriters = 4_096

    private struct Entry {
        /// Session, run and lease, one behind the other, as they come in a message.
        var names: [UInt8]
        var writer: RunWriter
    }

    func forget() { writers = [:] }

    /// The writer of the run that the frame names, if its lease is the same as before.
    func writer(_ key: UInt64, in bytes: UnsafeBufferPointer<UInt8>) -> RunWriter? {
        guard let entry = writers[key] else { return nil }
        return isSame(entry.names, bytes) ? entry.writer : nil
    }

    func insert(_ writer: RunWriter, _ key: UInt64, in bytes: UnsafeBufferPointer<UInt8>) {
        if writers.count >= Self.maximumWriters { writers = [:] }
        let names = [frame.session, frame.run, frame.lease].flatMap { bytes[$0] }
        writers[key] = Entry(names: names, writer: writer)
    }

    func remove(_ key: UInt64) { writers[key] = nil }

    /// A number for session, run and lease. Equal numbers are compared in full.
    func key(in bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
        var hash: UInt64 = 0x9E37_79B9_7F4A_7C15
        for range in [frame.session, frame.run, frame.lease] { mix(bytes, range, &hash) }
        return hash
    }

    private func mix(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ hash: inout UInt64) {
        let base = UnsafeRawPointer(bytes.baseAddress!)
        var position = range.lowerBound
        while position + 8 <= range.upperBound {
            hash = (hash ^ base.loadUnaligned(fromByteOffset: position, as: UInt64.self)) &* 0x9FB2_1C65_1E98_DF25
            hash ^= hash >> 32
            position += 8
        }
        var rest = UInt64(range.count)
        while position < range.upperBound {
            rest = rest << 8 | UInt64(bytes[position])
            position += 1
        }
        hash = (hash ^ rest) &* 0x9FB2_1C65_1E98_DF25
        hash ^= hash >> 29
    }

    /// Takes as long wherever they differ: a lease is a secret.
    private func isSame(_ names: [UInt8], _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard names.count == frame.session.count + frame.run.count + frame.lease.count else { return false }
        var difference: UInt8 = 0
        var position = 0
        names.withUnsafeBufferPointer { names in
            for range in [frame.session, frame.run, frame.lease] {
                for index in range {
                    difference |= names[position] ^ bytes[index]
                    position += 1
                }
            }
        }
        return difference == 0
    }
}

extension WebSocketConnection {
    /// Takes a message that is the usual append of an agent. False leaves it to the general way, which knows what is wrong.
    func takeAppend(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard isAdmitted, lane.frame.scan(bytes) else { return false }
        let key = lane.key(in: bytes)
        guard let writer = lane.writer(key, in: bytes) ?? makeWriter(key, bytes) else { return false }
        guard engine.append(lane.frame, in: bytes, by: writer) else {
            // The session may have left memory, or the lease may be another's.
            lane.remove(key)
            return false
        }
        lane.hasAppended = true
        began(bytes.count)
        return true
    }

    private func makeWriter(_ key: UInt64, _ bytes: UnsafeBufferPointer<UInt8>) -> RunWriter? {
        let frame = lane.frame
        func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
        guard let session = SessionID(text(frame.session)), let run = RunID(text(frame.run)),
            let writer = engine.writer(
                session: session, run: run, token: text(frame.lease), by: identities[session] ?? participant,
                mailbox: mailbox, connection: holder)
        else { return nil }
        lane.insert(writer, key, in: bytes)
        return writer
    }
}

extension WebSocketConnection {
    /// All that has arrived was received.
    func receivedAll() {
        guard lane.hasAppended else { return }
        lane.hasAppended = false
        engine.appended()
    }
}

extension WebSocketConnection: ReceiptTaker {
    /// One acknowledgement covers all writes up to its number: those of one run that come together get one.
    func take(_ receipt: WriteReceipt) {
        ended(receipt.bytes)
        guard !isClosed else { return }
        if let refusal = receipt.refusal {
            sendRunError(receipt.writer.session, receipt.writer.run, number: receipt.number, refusal)
        } else {
            if let last = lastReceipt, last.writer !== receipt.writer { writeAcknowledgement() }
            lastReceipt = receipt
        }
    }

    func commitTaken() {
        sendAcknowledgements()
        output?.flushIfNeeded()
        closeIfDrained()
    }

    private func writeAcknowledgement() {
        guard let receipt = lastReceipt else { return }
        lastReceipt = nil
        WebSocketFraming.acknowledge(receipt, into: &lane.acknowledgements)
    }

    /// Before anything else goes out, so that answers keep their order.
    func sendAcknowledgements() {
        guard lastReceipt != nil else { return }
        writeAcknowledgement()
        output?.send(lane.acknowledgements)
        // What was handed over is not written to again.
        lane.acknowledgements = ByteBuffer()
    }
}
