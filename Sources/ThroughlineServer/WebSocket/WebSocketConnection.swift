import NIOCore
import ThroughlineCore
import ThroughlineEngine

/// One WebSocket: who is on it, which sessions it reads, which answers it waits for.
///
/// `@unchecked Sendable`: every method runs on the connection's loop, and completions are brought there by the mailbox.
final class WebSocketConnection: WebSocketConsumer, @unchecked Sendable {
    let engine: Engine
    let gatekeeper: Gatekeeper
    let limits: TransportLimits
    let mailbox: Mailbox
    let decoder: OperationDecoder
    weak var output: (any WebSocketOutput)?
    var readers: [SessionID: AttachedReader] = [:]
    /// Who acts in a session, as its `attach` said.
    var identities: [SessionID: Participant] = [:]
    var participant = Participant.anonymous
    var keyName: String?
    var isAdmitted = false
    private(set) var pending = 0
    let lane = AppendLane()
    /// Durable, and not acknowledged yet: others of the same run may be right behind it.
    var lastReceipt: WriteReceipt?
    private var pendingBytes = 0
    /// The size of the message at hand.
    private var messageBytes = 0
    /// Work that this connection waits for, and how to leave.
    var waits: [Int: @Sendable () -> Void] = [:]
    var nextWait = 0
    private var token: String?
    private let stated: String?
    private var admission: Scheduled<Void>?
    private(set) var isClosed = false
    private var isDraining = false

    init(
        engine: Engine, gatekeeper: Gatekeeper, limits: TransportLimits, loop: any EventLoop, token: String?,
        participant: String?
    ) {
        self.engine = engine
        self.gatekeeper = gatekeeper
        self.limits = limits
        mailbox = Mailbox(loop: loop)
        decoder = OperationDecoder(limits: engine.configuration.session)
        self.token = token
        stated = participant
    }

    /// The way back to this connection for runs that it holds.
    lazy var holder: HolderConnection = {
        mailbox.setTaker(self)
        return HolderConnection(mailbox: mailbox) { [weak self] session, run, word in
            switch word {
            case .stop(let refusal): self?.sendRunError(session, run, number: nil, refusal)
            case .commands(let commands): self?.send("commands", commands, of: run, in: session)
            case .requests(let requests): self?.send("requests", requests, of: run, in: session)
            }
            self?.output?.flushIfNeeded()
        }
    }()

    // MARK: Life

    func opened() {
        if gatekeeper.isDevelopment || token != nil {
            admit(token: token)
        } else {
            // The key may come in a first frame.
            admission = mailbox.loop?.scheduleTask(in: limits.headTime) { [weak self] in
                guard let self, !self.isAdmitted else { return }
                self.output?.close(4401, "No key came in time.")
            }
        }
        token = nil
    }

    /// Lets the connection in, or closes it.
    func admit(token: String?) {
        do throws(Refusal) {
            keyName = try gatekeeper.admit(token: token)
            participant = try RequestIdentity.parse(stated, key: keyName)
            isAdmitted = true
            admission?.cancel()
        } catch {
            output?.close(error.code == .keyMissing || error.code == .keyInvalid ? 4401 : 4400, error.detail)
        }
    }

    func closed() {
        guard !isClosed else { return }
        isClosed = true
        receivedAll()
        admission?.cancel()
        for reader in readers.values { reader.detach() }
        readers = [:]
        for leave in waits.values { leave() }
        waits = [:]
    }

    // MARK: In

    var takesBinary: Bool { false }

    func receivedAtOnce(_ message: UnsafeBufferPointer<UInt8>) -> Bool { takeAppend(message) }

    func received(_ message: [UInt8], isBinary: Bool) {
        messageBytes = message.count
        do throws(JSONError) {
            let frame = try JSONDocument.parse(message)
            guard frame.kind == .object else { return breakOff(Refusal(.jsonInvalid, "A message is a JSON object.")) }
            handle(frame)
        } catch {
            switch error {
            case .invalidUTF8: output?.close(1007, "The text is not UTF-8.")
            case .invalid, .tooDeep, .tooLarge: breakOff(Refusal(error))
            // Browsers make such text of what people paste: no reason to lose the socket.
            case .loneSurrogate: sendError(Refusal(error), re: nil)
            }
        }
    }

    private func breakOff(_ refusal: Refusal) {
        sendError(refusal, re: nil)
        output?.close(4400, refusal.detail)
    }

    var isTakingMore: Bool {
        pending < limits.pendingRequests && pendingBytes < limits.pendingBytes && !isDraining
    }

    /// Runs a completion on the loop, flushes what it wrote, and reads on if too much was pending.
    func answering<Value: Sendable>(
        _ body: @escaping @Sendable (WebSocketConnection, Result<Value, Refusal>) -> Void
    ) -> @Sendable (Result<Value, Refusal>) -> Void {
        let bytes = messageBytes
        began(bytes)
        return { [weak self, engine, mailbox] result in
            engine.deliver(to: mailbox) { [weak self] in
                guard let self else { return }
                self.ended(bytes)
                guard !self.isClosed else { return }
                body(self, result)
                self.output?.flushIfNeeded()
                self.closeIfDrained()
            }
        }
    }

    /// An answer to a message of so many bytes is owed.
    func began(_ bytes: Int) {
        pending += 1
        pendingBytes += bytes
    }

    /// It can be given now.
    func ended(_ bytes: Int) {
        let wasFull = !isTakingMore
        pending -= 1
        pendingBytes -= bytes
        if wasFull, isTakingMore, !isClosed { output?.takesMoreAgain() }
    }

    /// The server stops: who waits for answers gets them, then the socket is closed.
    func drain() {
        isDraining = true
        closeIfDrained()
        mailbox.loop?.scheduleTask(in: .seconds(3)) { [weak self] in self?.sayGoodbye() }
    }

    func closeIfDrained() {
        if isDraining, pending == 0 { sayGoodbye() }
    }

    private func sayGoodbye() { output?.close(1012, "The server restarts. Come back at once.") }

    func becameWritable() {
        for reader in readers.values { reader.pull() }
    }

    // MARK: Out

    func send(_ body: (inout JSONWriter) -> Void) {
        sendAcknowledgements()
        output?.send(WebSocketFraming.text(JSONWriter.object(body)))
    }

    func sendOK(_ body: [UInt8], re: [UInt8]?) {
        guard let re else { return }
        send {
            $0.field("re", raw: re)
            $0.field("ok", raw: body)
        }
    }

    func sendError(_ refusal: Refusal, re: [UInt8]?) {
        send {
            $0.field("re", raw: re)
            $0.field("error", raw: refusal.problem)
        }
    }

    /// What a run's holder is told without having asked.
    private func send(_ name: StaticString, _ list: [UInt8], of run: RunID, in session: SessionID) {
        send {
            $0.field("session", session.value)
            $0.field("run", run.value)
            $0.field(name, raw: list)
        }
    }

    func sendRunError(_ session: SessionID, _ run: RunID, number: UInt64?, _ refusal: Refusal) {
        send {
            $0.field("session", session.value)
            $0.field("run", run.value)
            if let number { $0.field("seq", number) }
            $0.field("error", raw: refusal.problem)
        }
    }
}
