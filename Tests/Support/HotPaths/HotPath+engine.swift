import Logging
import NIOCore
import NIOEmbedded
import ThroughlineCore
import ThroughlineEngine
import ThroughlineStorage

extension HotPath {
    /// All of an append but for the socket: sixteen messages arrive, are decided, committed, acknowledged, and a reader pulls them.
    static var engine: HotPath {
        HotPath("engine", operations: 2_048) {
            let server = try SmallServer()
            var messages = Sample.messages(4_096, token: server.token)[...]
            return {
                for _ in 0..<128 {
                    server.receive(messages.prefix(16))
                    messages = messages.dropFirst(16)
                }
            }
        }
    }
}

/// An engine with a session, an agent's connection and a reader, all on one thread.
///
/// `@unchecked Sendable` is true because of that.
private final class SmallServer: @unchecked Sendable {
    private(set) var token = ""
    private let store: EmbeddedLogStore
    private let loop = EmbeddedEventLoop()
    private let engine: Engine
    private let mailbox: Mailbox
    private let subscription: Subscription
    private var writer: RunWriter?
    private var frame = AppendFrame()
    private var position = SequenceNumber.zero
    private var acknowledged: UInt64 = 1
    private var received: UInt64 = 1

    init() throws {
        store = try HotPath.makeStore()
        mailbox = Mailbox(loop: loop)
        subscription = Subscription(session: Sample.session, mailbox: mailbox) {}
        engine = Engine(
            store: store, timers: loop,
            environment: EngineEnvironment(
                now: { Sample.at }, monotonic: { 0 }, randomBytes: { [UInt8](repeating: 7, count: $0) }),
            logger: Logger(label: "guards") { _ in SwiftLogNoOpLogHandler() })
        try engine.start()
        mailbox.setTaker(self)
        try begin()
    }

    /// Creates the session, starts the run, writes what the appends go to, attaches the reader.
    private func begin() throws {
        perform(.create(title: nil, metadata: nil)) { _ in }
        let run = Operation.StartRun(id: Sample.run, agent: Sample.agent, leaseMilliseconds: 30_000)
        perform(.startRun(run)) { [unowned self] answer in
            token = (try? JSONDocument.parse(answer.body))?["lease"]?["token"]?.string ?? ""
        }
        perform(.write(.init(run: Sample.run, token: token, number: 1, events: Sample.opening))) { _ in }
        engine.attach(subscription, from: .tail, by: Sample.ada) { [unowned self] in
            position = (try? $0.get())?.position ?? .zero
        }
        expect(position.rawValue == 4, "the reader stands at \(position)")
        let holder = HolderConnection(mailbox: mailbox) { _, _, _ in }
        writer = engine.writer(
            session: Sample.session, run: Sample.run, token: token, by: .agent(Sample.agent), mailbox: mailbox,
            connection: holder)
    }

    private func perform(_ operation: Operation, then take: @escaping @Sendable (Answer) -> Void) {
        engine.perform(operation, on: Sample.session, by: Participant(id: "root", role: .operator)) {
            do { take(try $0.get()) } catch { fatalError("\(error)") }
        }
        settle()
    }

    private func settle() {
        while store.stepWriter() {}
        loop.run()
    }

    func receive(_ messages: ArraySlice<[UInt8]>) {
        for message in messages {
            message.withUnsafeBufferPointer { bytes in
                expect(frame.scan(bytes) && engine.append(frame, in: bytes, by: writer!), "an append was not taken")
            }
        }
        received += UInt64(messages.count)
        engine.appended()
        settle()
        expect(acknowledged == received, "\(acknowledged) of \(received) are acknowledged")
        guard case .slice(let slice) = engine.pull(subscription, after: position) else { fatalError("nothing to read") }
        expect(slice.last.rawValue == position.rawValue + UInt64(messages.count), "the reader sees only \(slice.last)")
        position = slice.last
    }
}

extension SmallServer: ReceiptTaker {
    func take(_ receipt: WriteReceipt) {
        expect(receipt.refusal == nil, "a write was refused")
        acknowledged = receipt.number
    }

    func commitTaken() {}
}
